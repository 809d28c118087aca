import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@Suite struct GGUFFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static func base() -> GGUFBuilder {
        var file = GGUFBuilder()
        file.set("general.architecture", .string("llama"))
        file.set("a.count", .uint32(7))
        file.set("a.ids", .int32s([-1, 0, 1]))
        file.set("a.names", .strings(["", "é", "日本"]))
        file.add("one", Tensor([1, 2, 3, 4, 5, 6], [2, 3]))
        file.add("two", Tensor([0.5], [1]))
        return file
    }

    private func open(_ file: GGUFBuilder) throws -> GGUFFile {
        try GGUFFile(path: folder.write(file.bytes, to: "model.gguf"))
    }

    /// The one line of the refusal.
    private func refusal(_ bytes: [UInt8]) throws -> String {
        let path = try folder.write(bytes, to: "bad.gguf")
        let error = try #require(throws: FileError.self) { try GGUFFile(path: path) }
        #expect(error.path == path)
        #expect(!error.description.contains("\n"))
        #expect(error.description.utf8.count < 700)
        return error.problem
    }

    @Test(arguments: [UInt32(2), 3], [8, 32, 4096])
    func `keys and tensors are read`(version: UInt32, alignment: Int) throws {
        var builder = Self.base()
        (builder.version, builder.alignment, builder.padsEnd) = (version, alignment, version == 2)
        if alignment != 32 { builder.set("general.alignment", .uint32(UInt32(alignment))) }
        let file = try open(builder)
        #expect(try file.metadata.string("general.architecture") == "llama")
        #expect(try file.metadata.integer("a.count") == 7)
        #expect(try file.metadata.integers("a.ids") == [-1, 0, 1])
        #expect(try file.metadata.strings("a.names") == ["", "é", "日本"])
        #expect(try file.metadata.integer("a.absent") == nil)
        #expect(file.tensors.map(\.name) == ["one", "two"])
        #expect(try file.tensors[0].tensor() == Tensor([1, 2, 3, 4, 5, 6], [2, 3]))
        #expect(try file.tensors[1].tensor() == Tensor([0.5], [1]))
    }

    @Test func `a value of another type is refused with its key`() throws {
        let metadata = try open(Self.base()).metadata
        let errors = [
            #expect(throws: FileError.self) { try metadata.integer("general.architecture") },
            #expect(throws: FileError.self) { try metadata.string("a.count") },
            #expect(throws: FileError.self) { try metadata.boolean("a.count") },
            #expect(throws: FileError.self) { try metadata.strings("a.ids") },
            #expect(throws: FileError.self) { try metadata.integers("a.names") },
            #expect(throws: FileError.self) { try metadata.real("a.names") },
        ]
        for (error, key) in zip(errors, ["general.architecture", "a.count", "a.count", "a.ids", "a.names", "a.names"]) {
            #expect(error?.problem.contains("'\(key)'") == true)
        }
    }

    @Test func `a damaged header is refused with the field`() throws {
        let cases: [(word: String, change: (inout GGUFBuilder) -> Void)] = [
            ("magic", { $0.magic = Array("GGML".utf8) }),
            ("version 5", { $0.version = 5 }),
            ("big endian", { $0.version = UInt32(3).byteSwapped }),
            ("number of keys", { $0.extraKeys = 1 << 50 }),
            ("number of tensors", { $0.extraTensors = 1 << 50 }),
            ("'a.names'", { $0.extraKeys = -1 }),
            ("'a.count' occurs twice", { $0.keys.append(("a.count", .uint32(7))) }),
            ("'a.bool'", { $0.set("a.bool", .raw(type: 7, [2])) }),
            ("'a.bools'", { $0.set("a.bools", .booleans([1, 0, 3])) }),
            ("'a.kind'", { $0.set("a.kind", .raw(type: 13, [])) }),
            ("'a.text'", { $0.set("a.text", .raw(type: 8, $0.number(UInt64(2)) + [0xc3, 0x28])) }),
            (
                "'a.texts'",
                {
                    let text = $0.number(UInt64(2)) + [0xc3, 0x28]
                    $0.set("a.texts", .raw(type: 9, $0.number(UInt32(8)) + $0.number(UInt64(1)) + text))
                }
            ),
            ("'a.deep'", { $0.set("a.deep", .raw(type: 9, Self.nested(100))) }),
            ("'a.long'", { $0.set("a.long", .raw(type: 9, $0.number(UInt32(10)) + $0.number(UInt64(1) << 61))) }),
            ("general.alignment", { $0.set("general.alignment", .uint32(0)) }),
            ("general.alignment", { $0.set("general.alignment", .uint32(24)) }),
            ("general.alignment", { $0.set("general.alignment", .uint64(1 << 63)) }),
            ("general.alignment", { $0.set("general.alignment", .string("32")) }),
            ("outside", { $0.set("general.alignment", .uint64(1 << 62)) }),
            ("'one' occurs twice", { $0.tensors[1].name = "one" }),
            ("the name of tensor 2", { $0.tensors[1].name = "" }),
            ("the name of tensor 1", { $0.tensors[0].name = String(repeating: "x", count: 65) }),
            ("dimension of 0", { $0.tensors[0].shape = [0, 3] }),
            ("dimensions", { $0.tensors[0].shape = [1, 1, 1, 2, 3] }),
            ("64 bits", { $0.tensors[0].shape = [1 << 40, 1 << 40] }),
            ("64 bits", { $0.tensors[0].shape = [1 << 61, 3] }),
            ("outside", { $0.tensors[0].shape = [1 << 40, 3] }),
            ("Q8_1", { $0.tensors[0].type = 9 }),
            ("given up", { $0.tensors[0].type = 4 }),
            ("77", { $0.tensors[0].type = 77 }),
            ("blocks of 32", { $0.tensors[0].type = 2 }),
            ("alignment", { $0.tensors[1].offset = 33 }),
            ("outside", { $0.tensors[1].offset = 1 << 20 }),
            ("outside", { $0.tensors[1].offset = UInt64.max - 31 }),
            ("bytes of 'one'", { $0.tensors[1].offset = 0 }),
        ]
        for (word, change) in cases {
            var builder = Self.base()
            change(&builder)
            let problem = try refusal(builder.bytes)
            #expect(problem.contains(word), "\(problem)")
        }
    }

    private static func nested(_ depth: Int) -> [UInt8] {
        let builder = GGUFBuilder()
        let level = builder.number(UInt32(9)) + builder.number(UInt64(1))
        return (0..<depth).flatMap { _ in level } + builder.number(UInt32(0)) + builder.number(UInt64(0))
    }

    @Test func `a file that ends anywhere is refused`() throws {
        var builder = Self.base()
        builder.padsEnd = false
        let bytes = builder.bytes
        for count in 0..<bytes.count { _ = try refusal(Array(bytes[..<count])) }
    }

    @Test func `a name is shown on one line and not without end`() throws {
        var builder = Self.base()
        let name = "a\n\u{1b}[31m" + String(repeating: "k", count: 1000)
        builder.set(name, .raw(type: 99, []))
        let problem = try refusal(builder.bytes)
        #expect(problem.contains("'a\\u{a}\\u{1b}[31mkk") && problem.contains("kkk...'"))
    }

    @Test func `every value type of the golden file is read`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let good = shared + "/fixtures/gguf/good/"
        let metadata = try GGUFFile(path: good + "metadata_types.gguf").metadata
        let expected = try #require(JSONValue(path: good + "metadata_types.json").array)
        #expect(metadata.keys == expected.compactMap { $0["key"]?.string })
        for entry in expected {
            let key = try #require(entry["key"]?.string)
            let value = try #require(metadata[key])
            #expect(try Self.words(of: value) == Self.words(of: try #require(entry["value"])), "\(key)")
        }
    }

    private static func words(of value: GGUFValue) throws -> [String] {
        switch value {
        case .unsigned(let number): return ["\(number)"]
        case .signed(let number): return ["\(number)"]
        case .real(let number): return ["\(number)"]
        case .boolean(let truth): return ["\(truth)"]
        case .string(let text): return [text]
        case .array(let array):
            if let truths = try array.booleans() { return truths.map { "\($0)" } }
            if let texts = try array.strings() { return texts }
            if array.kind == .uint64 { return ["9223372036854775808", "1"] }
            if let numbers = try array.integers() { return numbers.map { "\($0)" } }
            return try array.reals()?.map { "\($0)" } ?? []
        }
    }

    private static func words(of value: JSONValue) -> [String] {
        if let list = value.array { return list.flatMap(words) }
        if let truth = value.boolean { return ["\(truth)"] }
        if let whole = value.integer { return ["\(whole)"] }
        return [value.double.map { "\($0)" } ?? value.string ?? value.text()]
    }

    @Test func `golden files are accepted, and wrong ones refused in one line`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let folder = shared + "/fixtures/gguf/"
        for entry in try #require(JSONValue(path: folder + "good/good.json").array) {
            _ = try GGUFModelFiles(path: folder + "good/" + (try #require(entry["file"]?.string)))
        }
        for entry in try #require(JSONValue(path: folder + "bad/bad.json").array) {
            let path = folder + "bad/" + (try #require(entry["file"]?.string))
            guard entry["level"]?.string != "model" else {
                _ = try GGUFModelFiles(path: path)
                continue
            }
            let error = #expect(throws: FileError.self, "\(path)") { try GGUFModelFiles(path: path) }
            #expect(error?.description.contains("\n") == false)
        }
    }
}
