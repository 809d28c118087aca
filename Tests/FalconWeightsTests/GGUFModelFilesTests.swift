import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@Suite struct GGUFModelFilesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Three files of one tensor each, changed before they are written; `nil` leaves one out.
    private func write(_ change: (Int, inout GGUFBuilder) -> Bool = { _, _ in true }) throws {
        for number in 0..<3 {
            var file = GGUFBuilder()
            if number == 0 { file.set("general.architecture", .string("llama")) }
            file.set("split.no", .uint32(UInt32(number)))
            file.set("split.count", .uint32(3))
            file.set("split.tensors.count", .int32(3))
            file.add("t\(number)", Tensor([Float(number), 1], [2]))
            guard change(number, &file) else { continue }
            try folder.write(file.bytes, to: "model-0000\(number + 1)-of-00003.gguf")
        }
    }

    private func open(_ number: Int = 1) throws -> GGUFModelFiles {
        try GGUFModelFiles(path: folder.file("model-0000\(number)-of-00003.gguf"))
    }

    @Test(arguments: 1...3)
    func `a model in several files is opened by any of them`(number: Int) throws {
        try write()
        let files = try open(number)
        #expect(files.path.hasSuffix("00001-of-00003.gguf"))
        #expect(try files.metadata.string("general.architecture") == "llama")
        #expect(files.tensors.map(\.name) == ["t0", "t1", "t2"])
        #expect(try files.tensors[2].tensor() == Tensor([2, 1], [2]))
    }

    @Test func `a set that is not whole or does not agree is refused`() throws {
        let cases: [(word: String, change: (Int, inout GGUFBuilder) -> Bool)] = [
            ("00003-of-00003.gguf is missing", { number, _ in number < 2 }),
            (
                "'split.no'",
                {
                    $1.set("split.no", .uint32(0)); return $0 < 3
                }
            ),
            (
                "'split.no'",
                {
                    if $0 == 1 { $1.set("split.no", .uint32(2)) }; return true
                }
            ),
            (
                "'split.no'",
                {
                    if $0 == 0 { $1.set("split.no", .uint32(9)) }; return true
                }
            ),
            (
                "'split.no'",
                {
                    if $0 == 2 { $1.remove("split.no") }; return true
                }
            ),
            (
                "'split.count'",
                {
                    if $0 == 2 { $1.set("split.count", .uint32(4)) }; return true
                }
            ),
            (
                "'split.count'",
                {
                    if $0 == 0 { $1.set("split.count", .uint32(0)) }; return true
                }
            ),
            (
                "'split.count'",
                {
                    if $0 == 0 { $1.set("split.count", .string("3")) }; return true
                }
            ),
            (
                "'split.tensors.count'",
                {
                    $1.set("split.tensors.count", .int32(4)); return $0 < 3
                }
            ),
            (
                "'t0' is in another file",
                {
                    if $0 == 2 { $1.tensors[0].name = "t0" }; return true
                }
            ),
        ]
        for (word, change) in cases {
            for name in try folder.contents { try folder.remove(name) }
            try write(change)
            let error = #expect(throws: FileError.self, "\(word)") { try open() }
            #expect(error?.problem.contains(word) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("\n") == false)
        }
    }

    @Test func `a file of a set under another name is refused`() throws {
        try write()
        let path = try folder.write(try folder.bytes("model-00001-of-00003.gguf"), to: "renamed.gguf")
        let error = #expect(throws: FileError.self) { try GGUFModelFiles(path: path) }
        #expect(error?.problem.contains("-00001-of-00003.gguf") == true)
    }
}
