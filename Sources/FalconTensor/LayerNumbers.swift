/// Decoder layers by their numbers, counted from 1, as options, recipes and files name them: ascending, none twice.
package enum LayerNumbers {
    /// No model has more.
    package static let most = 4096

    /// Reads "8,16"; `nil` for anything else than ascending numbers.
    package static func read(_ text: String) -> [Int]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0.filter { $0 != " " }) }
        return numbers.count == parts.count && areAscending(numbers) ? numbers : nil
    }

    /// The form that `read` takes.
    package static func text(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: ",") }

    /// Whether some numbers are layers': from 1 on, ascending, none twice.
    package static func areAscending(_ numbers: [Int]) -> Bool {
        numbers.allSatisfy { (1...most).contains($0) } && zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }
    }
}

extension Tensor {
    /// Some of the equal blocks of columns that every row is made of, in this order: `[..., blocks.count * width]`.
    ///
    /// - Parameters:
    ///   - blocks: their numbers, from 0.
    ///   - size: columns of a block.
    package func columnBlocks(_ blocks: [Int], size: Int) -> Tensor {
        precondition(size > 0 && width % size == 0, "blocks of \(size) columns in a tensor of shape \(shape)")
        guard blocks != Array(0..<width / size) else { return self }
        let rows = blocks.map { columns($0 * size..<($0 + 1) * size) }
        guard var result = rows.first else { return Tensor(zeros: shape.dropLast() + [0]) }
        for block in rows.dropFirst() { result = .joiningColumns(result, block) }
        return result
    }
}
