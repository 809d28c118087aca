import FalconCommandSupport
import FalconTensor
import Foundation
import Synchronization
import Testing

@Suite struct ProgressReporterTests {
    /// A clock that the test sets and a place for what is printed.
    private final class Scene: Sendable {
        let time = Mutex<Double>(100)
        let printed = Mutex<String>("")

        var text: String { printed.withLock { $0 } }

        func reporter(_ style: ProgressReporter.Style, total: Int? = 40, finished: Int = 0) -> ProgressReporter {
            ProgressReporter(
                total: total, unit: "conversations", finished: finished, style: style,
                now: { self.time.withLock { $0 } }, output: { text in self.printed.withLock { $0 += text } })
        }

        func pass(_ seconds: Double) { time.withLock { $0 += seconds } }
    }

    @Test func `without a terminal a plain line comes every few seconds`() {
        let scene = Scene()
        let reporter = scene.reporter(.lines)
        for count in 1...12 {
            scene.pass(1)
            reporter.update(count, tokens: count * 50, note: "loss 2.31")
        }
        #expect(
            scene.text == """
                5/40 conversations, 50 tokens/s, 0:35 left, loss 2.31
                10/40 conversations, 50 tokens/s, 0:30 left, loss 2.31

                """)
        reporter.update(40, tokens: 4000)
        reporter.finish()
        #expect(scene.text.hasSuffix("40/40 conversations, 333 tokens/s, 0:12 in all\n"))
    }

    @Test func `on a terminal a bar is drawn over itself, ten times a second at most`() {
        let scene = Scene()
        let reporter = scene.reporter(.bar)
        scene.pass(1)
        reporter.update(10, note: "a long note")
        reporter.update(11)
        scene.pass(1)
        reporter.update(20)
        #expect(!scene.text.contains("11/40"))
        #expect(scene.text.hasPrefix("\r[#####---------------] 10/40 conversations, 0:03 left, a long note"))
        // Blanks cover the note of the longer line before.
        #expect(scene.text.hasSuffix("\r[##########----------] 20/40 conversations, 0:02 left             "))
        reporter.finish()
        #expect(scene.text.hasSuffix("\n"))
    }

    @Test func `what earlier runs did counts as done and not as pace`() {
        let scene = Scene()
        let reporter = scene.reporter(.lines, finished: 30)
        scene.pass(5)
        reporter.update(35)
        #expect(scene.text == "35/40 conversations, 0:05 left\n")
    }

    @Test func `an unknown total has no bar and no time left`() {
        let scene = Scene()
        let reporter = scene.reporter(.bar, total: nil)
        scene.pass(1)
        reporter.update(3, tokens: 30)
        #expect(scene.text == "\r3 conversations, 30 tokens/s")
    }

    @Test func `quiet prints nothing at all`() {
        let scene = Scene()
        let reporter = scene.reporter(.silent)
        reporter.log("template chatml")
        scene.pass(60)
        reporter.update(3)
        reporter.finish()
        #expect(scene.text.isEmpty)
    }
}

@Suite struct ErrorAndOutputTests {
    @Test func `an error is one line, however many it has`() {
        #expect(ErrorLine.text(of: FileError("a.json", "is\nbroken\n\ntwice")) == "a.json: is; broken; twice")
        let hostile = FileError("a\u{1b}[2Jb", "tensor '\u{202e}\u{7}' " + String(repeating: "x", count: 5000))
        let line = ErrorLine.text(of: hostile)
        #expect(line.hasPrefix("a\\u{1b}[2Jb: tensor '\\u{202e}\\u{7}' xxx") && line.hasSuffix("xxx ..."))
        #expect(line.count < 2100)
        #expect(ErrorLine.text(of: Interrupted()) == "interrupted; what was finished is kept")
    }

    @Test func `figures are sorted JSON, and a number that JSON lacks is named`() throws {
        struct Figures: Encodable {
            let b = 1
            let a = "x/y"
        }
        #expect(try JSONOutput.text(of: Figures()) == "{\n  \"a\" : \"x/y\",\n  \"b\" : 1\n}")
        let message = #expect(throws: FileError.self) { try JSONOutput.text(of: ["loss": Double.nan], for: "out.json") }
        #expect(message?.description.contains("out.json: cannot write the value nan of loss") == true)
    }
}
