import Foundation

/// How far a piece of work is, and its words for that.
struct ProgressMeasure {
    let total: Int?
    let unit: String
    /// Items that an earlier run did: done, but no measure of this run's pace.
    let earlier: Int
    var completed: Int
    var tokens = 0
    var note = ""
    /// Seconds, on the same clock as `time` below.
    let start: Double

    /// `[######--------------] 12/40 conversations, 1532 tokens/s, 1:20 left, loss 2.31`, or as much of it as fits:
    /// first the bar goes, then words from the end.
    func bar(at time: Double, width: Int) -> String {
        let parts = parts(at: time)
        if let total, total > 0 {
            let cells = 20
            let filled = min(cells, max(0, cells * completed / total))
            let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: cells - filled)
            let whole = "[\(bar)] " + parts.joined(separator: ", ")
            if whole.count <= width { return whole }
        }
        for count in stride(from: parts.count, to: 1, by: -1) {
            let line = parts.prefix(count).joined(separator: ", ")
            if line.count <= width { return line }
        }
        return String(parts[0].prefix(width))
    }

    /// The same words without the bar.
    func line(at time: Double) -> String { parts(at: time).joined(separator: ", ") }

    private func parts(at time: Double) -> [String] {
        let elapsed = max(time - start, 1e-9)
        let noun = (total ?? completed) == 1 && unit.hasSuffix("s") ? String(unit.dropLast()) : unit
        var parts = [total.map { "\(completed)/\($0) \(noun)" } ?? "\(completed) \(noun)"]
        if tokens > 0 { parts.append("\(Int(Double(tokens) / elapsed)) tokens/s") }
        if let total, completed < total, completed > earlier {
            let seconds = elapsed / Double(completed - earlier) * Double(total - completed)
            parts.append("\(ProgressMeasure.duration(seconds)) left")
        } else if let total, completed >= total {
            parts.append("\(ProgressMeasure.duration(elapsed)) in all")
        }
        if !note.isEmpty { parts.append(note) }
        return parts
    }

    /// `0:07`, `12:30`, `3:05:00`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e9).rounded())
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        let tail = String(format: "%02d", rest)
        return hours > 0 ? "\(hours):" + String(format: "%02d", minutes) + ":\(tail)" : "\(minutes):\(tail)"
    }
}
