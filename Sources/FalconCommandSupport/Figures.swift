/// What a command found out: for people to standard output, for programs to a file.
package enum Figures {
    /// - Parameter json: where the figures go; "-" prints them in place of the lines.
    /// - Throws: as `JSONOutput` and `StandardOutput` do, after both were tried.
    package static func write(_ lines: [String], _ figures: some Encodable, json: String?) throws {
        let written = Result { if let json { try JSONOutput.write(figures, to: json) } }
        if !lines.isEmpty, !(json.map(RunFiles.isStandardOutput) ?? false) {
            try StandardOutput.print(lines.joined(separator: "\n"))
        }
        try written.get()
    }
}
