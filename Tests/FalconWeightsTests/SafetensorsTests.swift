import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@Suite struct SafetensorsTests {
    @Test func `every stored type is read exactly`() throws {
        let file = try SafetensorsFile(path: Fixtures.path("safetensors/good/dtypes.safetensors"))
        let expected = try #require(JSONValue(path: Fixtures.path("safetensors/good/dtypes.json")).object)
        #expect(Set(file.names) == Set(expected.keys))
        for name in file.names {
            let entry = try #require(expected[name]?.object)
            let stored = try #require(file.stored(name))
            let values = try #require(entry["values"]?.array).compactMap(\.double)
            #expect(stored.shape == entry["shape"]?.array?.compactMap(\.integer), "\(name)")
            if stored.type.isFloatingPoint {
                #expect(try file.tensor(name).scalars == values.map { Float($0) }, "\(name)")
                #expect(throws: FileError.self) { try file.integers(name) }
            } else {
                #expect(try file.integers(name) == values.map { Int64($0) }, "\(name)")
                #expect(throws: FileError.self) { try file.tensor(name) }
            }
        }
        #expect(!file.metadata.isEmpty)
    }

    @Test func `a padded header and entries out of order are read`() throws {
        let tensors = try Fixtures.tensors("safetensors/good/padded_header_unordered.safetensors")
        #expect(tensors["first"] == Tensor([0, 1, 2, 3, 4, 5], [2, 3]))
        #expect(tensors["late"] == Tensor([9, 8], [2]))
    }

    @Test(arguments: try Fixtures.contents(of: "safetensors/bad").filter { $0.hasSuffix(".safetensors") })
    func `a damaged file is refused in one line`(name: String) throws {
        let path = Fixtures.path("safetensors/bad/" + name)
        // Bait for the index that leaves its folder: a sound file.
        if name == "outside.safetensors" { return }
        let error = try #require(throws: FileError.self) { try SafetensorsFile(path: path) }
        #expect(error.path == path)
        #expect(!error.description.contains("\n"))
        #expect(error.problem.count > 10)
    }

    @Test(arguments: ElementType.allCases)
    func `what is written is read back`(type: ElementType) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("out.safetensors")
        // Small whole numbers are exact in every type.
        let tensors: [(name: String, tensor: Tensor)] = [
            ("b", Tensor((0..<6).map { Float($0) }, [2, 3])), ("a", Tensor([-7], [])), ("empty", Tensor([], [0, 4])),
            ("a \"quoted\" Ключ\n", Tensor([1, 2], [2])),
        ]
        try SafetensorsWriter.write(
            path, tensors: tensors, as: type, integers: [("ids", [-1, 1 << 40], [1, 2])], metadata: ["step": "3"])
        let file = try SafetensorsFile(path: path)
        #expect(file.names == ["ids"] + tensors.map(\.name))
        #expect(try file.integers("ids") == [-1, 1 << 40])
        #expect(file.metadata == ["format": "pt", "step": "3"])
        for (name, tensor) in tensors {
            #expect(try file.tensor(name) == tensor)
            #expect(file.stored(name)?.type.elementType == type)
            #expect(file.stored(name)?.range.lowerBound.isMultiple(of: type.size) == true)
        }
        #expect(try folder.contents == ["out.safetensors"])
    }

    @Test func `a value too large for float16 is refused and leaves no file`() throws {
        let folder = try TemporaryFolder()
        let error = try #require(throws: FileError.self) {
            try SafetensorsWriter.write(
                folder.file("out.safetensors"), tensors: [("w", Tensor([70_000], [1]))], as: .float16)
        }
        #expect(error.problem.contains("'w'"))
        #expect(try folder.contents.isEmpty)
    }

    @Test func `a header cut anywhere never crashes the reader`() throws {
        let folder = try TemporaryFolder()
        let file = try MappedFile(path: Fixtures.path("safetensors/good/padded_header_unordered.safetensors"))
        let bytes = file.bytes(0..<file.count)
        for count in 0..<bytes.count {
            let path = try folder.write(Array(bytes[..<count]), to: "cut.safetensors")
            #expect(throws: FileError.self) { try SafetensorsFile(path: path) }
        }
    }
}
