import FalconTensor
import Foundation
import Synchronization

/// Tells a person how far long work is: a bar on a terminal, else a plain line every few seconds, on standard error.
///
/// May be called from any thread and as often as one likes; it draws ten times a second at most.
package final class ProgressReporter: Sendable {
    /// How progress is shown.
    package enum Style: Sendable {
        case bar, lines, silent

        /// What suits standard error: nothing when `quiet`, a bar on a terminal, lines elsewhere.
        package static func suiting(quiet: Bool) -> Style {
            if quiet { return .silent }
            return isatty(STDERR_FILENO) == 1 ? .bar : .lines
        }

        /// Seconds between two drawings.
        var interval: Double { self == .bar ? 0.1 : 5 }
    }

    private struct State {
        var measure: ProgressMeasure
        var lastDrawn: Double
        /// Columns that the bar covers on its line now.
        var drawnWidth = 0
    }

    private let style: Style
    private let now: @Sendable () -> Double
    private let output: @Sendable (String) -> Void
    private let columns: @Sendable () -> Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - total: how many items there are; `nil` where nobody knows.
    ///   - unit: the items' name in the plural, e.g. "conversations".
    ///   - finished: how many items an earlier run did; they count as done but not in the rates.
    ///   - now: seconds on any steady clock.
    ///   - columns: the terminal's width, asked before each drawing: it may change.
    ///   - output: where text goes.
    package init(
        total: Int?, unit: String, finished: Int = 0, style: Style,
        now: @escaping @Sendable () -> Double = { ProcessInfo.processInfo.systemUptime },
        columns: @escaping @Sendable () -> Int = { TerminalSize.columns(of: STDERR_FILENO) },
        output: @escaping @Sendable (String) -> Void = StandardError.write
    ) {
        self.style = style
        self.now = now
        self.output = output
        self.columns = columns
        let start = now()
        state = Mutex(
            State(
                measure: ProgressMeasure(
                    total: total, unit: unit, earlier: finished, completed: finished, start: start),
                lastDrawn: start))
    }

    package convenience init(total: Int?, unit: String, finished: Int = 0, quiet: Bool) {
        self.init(total: total, unit: unit, finished: finished, style: .suiting(quiet: quiet))
    }

    /// Notes how much is done.
    ///
    /// - Parameters:
    ///   - completed: items done in all, earlier runs' included.
    ///   - tokens: tokens that this run handled so far; 0 shows no token rate.
    ///   - note: a few words behind the figures, e.g. the loss.
    package func update(_ completed: Int, tokens: Int = 0, note: String = "") {
        guard style != .silent else { return }
        let time = now()
        state.withLock { state in
            state.measure.completed = completed
            state.measure.tokens = tokens
            state.measure.note = note
            guard time - state.lastDrawn >= style.interval else { return }
            state.lastDrawn = time
            draw(&state, time)
        }
    }

    /// Prints a line of its own, above the bar where there is one. Silent when `quiet`.
    package func log(_ line: String) {
        guard style != .silent else { return }
        state.withLock { state in
            if state.drawnWidth > 0 { output("\r" + blanks(state.drawnWidth) + "\r") }
            output((style == .bar ? VisibleText.shown(line, keepsLines: true) : line) + "\n")
            state.drawnWidth = 0
        }
    }

    /// Shows the last state once and ends the bar's line.
    package func finish() {
        guard style != .silent else { return }
        let time = now()
        state.withLock { state in
            draw(&state, time)
            if style == .bar { output("\n") }
            state.drawnWidth = 0
        }
    }

    private func draw(_ state: inout State, _ time: Double) {
        guard style == .bar else { return output(state.measure.line(at: time) + "\n") }
        // In the last column some terminals begin a new line.
        let width = max(1, columns() - 1)
        let text = state.measure.bar(at: time, width: width)
        // Blanks cover what a longer drawing left.
        output("\r" + text + blanks(min(width, state.drawnWidth) - text.count))
        state.drawnWidth = text.count
    }

    private func blanks(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
}
