import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

/// A folder of fixtures, and what lies in it.
struct FixtureFolder: Sendable {
    let path: String

    var name: String { (path as NSString).lastPathComponent }

    subscript(_ name: String) -> String { path + "/" + name }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self[name]) }

    /// Names in it, sorted.
    var contents: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    /// The folders in it that hold a file.
    func folders(with file: String) throws -> [FixtureFolder] {
        try contents.map { FixtureFolder(path: self[$0]) }.filter { $0.has(file) }
    }

    func json(_ file: String) throws -> JSONValue { try JSONValue(path: self[file]) }

    func decode<Value: Decodable>(_ type: Value.Type, _ file: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: self[file])))
    }

    func tensors(_ file: String) throws -> GoldenTensors { try GoldenTensors(path: self[file]) }
}

/// The tensors of a safetensors file, by name; a missing one is an error that names it.
struct GoldenTensors {
    let path: String
    let reals: [String: Tensor]
    let integers: [String: [Int64]]

    init(path: String) throws {
        self.path = path
        reals = try Fixtures.tensors(path)
        integers = try Fixtures.integers(path)
    }

    func real(_ name: String) throws -> Tensor {
        guard let tensor = reals[name] else { throw FileError(path, "holds no tensor '\(name)'") }
        return tensor
    }

    func scalar(_ name: String) throws -> Double { Double(try real(name).scalars[0]) }

    func whole(_ name: String) throws -> [Int64] {
        guard let values = integers[name] else { throw FileError(path, "holds no tensor '\(name)'") }
        return values
    }

    func tokens(_ name: String) throws -> [Int32] { try whole(name).map { Int32($0) } }

    /// Whole numbers cut into rows.
    func rows(_ name: String, count: Int) throws -> [[Int32]] {
        let tokens = try tokens(name)
        let width = tokens.count / max(count, 1)
        return (0..<count).map { Array(tokens[$0 * width..<($0 + 1) * width]) }
    }
}

extension Tensor {
    /// Row `row` of the first axis: `[rows, a, b]` gives `[a, b]`.
    func slice(_ row: Int) -> Tensor {
        let rest = Array(shape.dropFirst())
        let size = rest.reduce(1, *)
        return Tensor(Array(scalars[row * size..<(row + 1) * size]), rest)
    }

    /// All axes but the last as one.
    var flat: Tensor { reshaped([rowCount, width]) }
}
