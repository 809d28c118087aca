import FalconTensor
import FalconWeights

/// Tokens that a user hands to an inspection.
package enum TokenInput {
    /// Reads "1,2,3".
    ///
    /// - Throws: `FileError` that names the option and the part that is no token.
    package static func list(_ text: String, option: String) throws -> [Int32] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return try parts.map { part in
            guard let token = Int32(part.filter { $0 != " " }), token >= 0 else {
                throw FileError(option, "'\(part)' is not a token id; write ids like 1,2,3")
            }
            return token
        }
    }

    /// Reads the tokens of one sequence from a safetensors file: the tensor `input_ids` or `tokens`, or the only one
    /// of whole numbers; of shape `[time]`, or `[rows, time]` of which `row` is taken.
    ///
    /// - Throws: `FileError` where there is no such tensor or row.
    package static func file(_ path: String, row: Int?) throws -> [Int32] {
        let file = try SafetensorsFile(path: path)
        let whole = file.names.filter { file.stored($0)?.type.isFloatingPoint == false }
        let named = ["input_ids", "tokens"].first(where: whole.contains)
        guard let name = named ?? (whole.count == 1 ? whole[0] : nil), let stored = file.stored(name) else {
            throw FileError(path, "holds no tensor of whole numbers named input_ids or tokens")
        }
        let tokens = try tokens(stored.integers(), name: name, path: path)
        if stored.shape.count == 1, (row ?? 0) == 0 { return tokens }
        guard stored.shape.count == 2, let width = stored.shape.last else {
            throw FileError(path, "tensor '\(name)' has shape \(stored.shape), not [time] or [rows, time]")
        }
        guard let row = row ?? (stored.shape[0] == 1 ? 0 : nil), (0..<stored.shape[0]).contains(row) else {
            throw FileError(path, "tensor '\(name)' has \(stored.shape[0]) rows; choose one with --row, from 0")
        }
        return Array(tokens[row * width..<(row + 1) * width])
    }

    static func tokens(_ values: [Int64], name: String, path: String) throws -> [Int32] {
        try values.map {
            guard $0 >= 0, let token = Int32(exactly: $0) else {
                throw FileError(path, "tensor '\(name)' holds \($0), which is no token id")
            }
            return token
        }
    }
}
