import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@Suite struct TorchCheckpointTests {
    static let good = (try? Fixtures.contents(of: "torchbin/good").filter { $0.hasSuffix(".bin") }) ?? []
    static let bad = (try? Fixtures.contents(of: "torchbin/bad")) ?? []

    @Test(arguments: good)
    func `tensors of every layout are read exactly`(name: String) throws {
        let checkpoint = try TorchCheckpoint(path: Fixtures.path("torchbin/good/" + name))
        let expected = try SafetensorsFile(
            path: Fixtures.path("torchbin/good/" + name.dropLast(".bin".count) + ".expected.safetensors"))
        #expect(Set(checkpoint.names) == Set(expected.names))
        for name in expected.names {
            let actual = try #require(checkpoint.stored(name))
            let wanted = try #require(expected.stored(name))
            #expect(actual.type == wanted.type, "\(name)")
            #expect(actual.shape == wanted.shape, "\(name)")
            if wanted.type.isFloatingPoint {
                #expect(try actual.tensor() == wanted.tensor(), "\(name)")
            } else {
                #expect(try actual.integers() == wanted.integers(), "\(name)")
            }
        }
    }

    @Test func `the fixtures are there`() {
        #expect(TorchCheckpointTests.good.count == 9)
        #expect(TorchCheckpointTests.bad.count == 23)
    }

    @Test(arguments: bad)
    func `a hostile or damaged file is refused in one line and runs nothing`(name: String) throws {
        let path = Fixtures.path("torchbin/bad/" + name)
        let error = try #require(throws: FileError.self) { try TorchCheckpoint(path: path) }
        #expect(error.path == path)
        #expect(!error.description.contains("\n"))
        #expect(!FileManager.default.fileExists(atPath: "FIXTURE_MARKER_MUST_NOT_EXIST"))
    }

    @Test func `a file names what it wanted to run`() throws {
        let error = try #require(throws: FileError.self) {
            try TorchCheckpoint(path: Fixtures.path("torchbin/bad/reduce_posix_system.bin"))
        }
        #expect(error.problem.contains("posix.system"))
    }

    @Test(arguments: ["fp32_zip.bin", "strided_zip.bin", "legacy.bin", "dtypes_zip.bin"])
    func `a file with any byte changed or cut is read or refused, never a crash`(name: String) throws {
        let folder = try TemporaryFolder()
        let file = try MappedFile(path: Fixtures.path("torchbin/good/" + name))
        let bytes = file.bytes(0..<file.count)
        // A prime step visits all kinds of places in little time.
        for position in stride(from: 0, to: bytes.count, by: 23) {
            var changed = bytes
            changed[position] ^= 0xFF
            let path = try folder.write(changed, to: "changed.bin")
            if let checkpoint = try? TorchCheckpoint(path: path) {
                for name in checkpoint.names { _ = try? checkpoint.stored(name)?.tensor() }
            }
            let cut = try folder.write(Array(bytes[..<position]), to: "cut.bin")
            #expect(throws: FileError.self) { try TorchCheckpoint(path: cut) }
        }
    }

    @Test func `an archive with 64-bit end records is read`() throws {
        let folder = try TemporaryFolder()
        let file = try MappedFile(path: Fixtures.path("torchbin/good/fp32_zip.bin"))
        let end = file.count - 22
        func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
            (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        let count = UInt64(file.integer(UInt16.self, at: end + 10))
        var wide = bytes(UInt32(0x0606_4B50)) + bytes(UInt64(44)) + bytes(UInt32(0x2D_002D)) + bytes(UInt64(0))
        wide += bytes(count) + bytes(count)
        wide += bytes(UInt64(file.integer(UInt32.self, at: end + 12)))
        wide += bytes(UInt64(file.integer(UInt32.self, at: end + 16)))
        wide += bytes(UInt32(0x0706_4B50)) + bytes(UInt32(0)) + bytes(UInt64(end)) + bytes(UInt32(1))
        wide += bytes(UInt32(0x0605_4B50)) + [UInt8](repeating: 0xFF, count: 16) + bytes(UInt16(0))
        let path = try folder.write(file.bytes(0..<end) + wide, to: "wide.bin")
        let plain = try TorchCheckpoint(path: file.path)
        let read = try TorchCheckpoint(path: path)
        #expect(read.names == plain.names)
        for name in plain.names { #expect(try read.stored(name)?.tensor() == plain.stored(name)?.tensor()) }
    }

    @Test(arguments: ElementType.allCases)
    func `what is written is read back`(type: ElementType) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("pytorch_model.bin")
        let tensors: [(name: String, tensor: Tensor)] = [
            ("layers.0.weight", Tensor((0..<600).map { Float($0 % 128) }, [3, 200])), ("scalar", Tensor([-7], [])),
            ("empty", Tensor([], [0, 4])), ("ключ", Tensor([1, 2], [2])),
        ]
        try TorchCheckpointWriter.write(path, tensors: tensors, as: type)
        let checkpoint = try TorchCheckpoint(path: path)
        #expect(checkpoint.names == tensors.map(\.name))
        for (name, tensor) in tensors {
            let stored = try #require(checkpoint.stored(name))
            #expect(try stored.tensor() == tensor)
            #expect(stored.type.elementType == type)
            #expect(stored.range.lowerBound.isMultiple(of: 64))
        }
        #expect(try WeightFolder(path: folder.path).tensor("scalar", shape: []) == Tensor([-7], []))
        #expect(try folder.contents == ["pytorch_model.bin"])
    }

    @Test func `a draft head in both formats is the same`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        for name in try Fixtures.contents(of: shared + "/fixtures/drafter") {
            let folder = shared + "/fixtures/drafter/" + name
            let one = try WeightFolder(path: folder + "/pytorch_model.bin")
            let other = try WeightFolder(path: folder + "/model.safetensors")
            #expect(one.names == other.names)
            for name in other.names { #expect(try one.tensor(name) == other.tensor(name)) }
        }
    }
}
