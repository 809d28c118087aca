import FalconTensor
import Foundation
import Testing

/// A refusal of memory ends the process: by a trap in a program that links the library, in a command's own words where
/// it has some (`MemoryLimitCommandTests`).
@Suite struct SystemMemoryTests {
    @Test func `a refusal traps where nobody put it into words`() async {
        await #expect(processExitsWith: .failure) { SystemMemory.require(1 << 60) }
    }

    @Test func `a handler gets the bytes that were refused`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            SystemMemory.whenRefused { bytes in exit(bytes == 1 << 60 ? 7 : 8) }
            SystemMemory.require(1 << 60)
        }
    }

    @Test func `what is there is not refused`() { SystemMemory.require(1 << 20) }
}
