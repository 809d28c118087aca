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

    /// `[######--------------] 12/40 conversations, 1532 tokens/s, 1:20 left, loss 2.31`
    func bar(at time: Double) -> String {
        guard let total, total > 0 else { return line(at: time) }
        let cells = 20
        let filled = min(cells, max(0, cells * completed / total))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: cells - filled)
        return "[\(bar)] \(line(at: time))"
    }

    /// The same words without the bar.
    func line(at time: Double) -> String {
        let elapsed = max(time - start, 1e-9)
        var parts = [total.map { "\(completed)/\($0) \(unit)" } ?? "\(completed) \(unit)"]
        if tokens > 0 { parts.append("\(Int(Double(tokens) / elapsed)) tokens/s") }
        if let total, completed < total, completed > earlier {
            let seconds = elapsed / Double(completed - earlier) * Double(total - completed)
            parts.append("\(ProgressMeasure.duration(seconds)) left")
        } else if let total, completed >= total {
            parts.append("\(ProgressMeasure.duration(elapsed)) in all")
        }
        if !note.isEmpty { parts.append(note) }
        return parts.joined(separator: ", ")
    }

    /// `0:07`, `12:30`, `3:05:00`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e9).rounded())
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        let tail = String(format: "%02d", rest)
        return hours > 0 ? "\(hours):" + String(format: "%02d", minutes) + ":\(tail)" : "\(minutes):\(tail)"
    }
}
