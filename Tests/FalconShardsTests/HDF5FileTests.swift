import FalconShards
import FalconTensor
import FalconTestSupport
import Testing

/// Files that h5py wrote, with and without filters, in both file formats.
@Suite struct HDF5FileTests {
    @Test(arguments: [
        ("f16_zstd", ElementType.float16), ("bf16_zstd", .bfloat16), ("f16_shuffle_zstd", .float16),
        ("f32_zstd_latest", .float32), ("f16_uncompressed", .float16),
    ])
    func `a file that h5py wrote is read exactly`(name: String, type: ElementType) throws {
        let file = try HDF5File(path: Fixtures.path("hdf5/\(name).h5"))
        let expected = try Fixtures.tensors("hdf5/\(name).expected.safetensors")
        let integers = try Fixtures.integers("hdf5/\(name).expected.safetensors")
        let hidden = try file.dataset("hidden")
        let pool = ThreadPool(threadCount: 2)
        let bytes = try hidden.bytes(rows: 0..<hidden.rowCount, on: pool)
        #expect(Tensor(bytes: bytes, as: type, hidden.shape) == expected["hidden"])
        #expect(try hidden.type() == (type == .bfloat16 ? .uint16 : type == .float16 ? .float16 : .float32))

        let ids = try file.dataset("input_ids")
        #expect(try ids.type() == .int32)
        let tokens = try ids.bytes(rows: 0..<ids.rowCount)
        #expect(littleEndian(tokens, 4) == integers["input_ids"])
        let offsets = try file.dataset("offsets")
        #expect(littleEndian(try offsets.bytes(rows: 0..<offsets.rowCount), 8) == integers["offsets"])
    }

    @Test func `attributes that h5py wrote are read`() throws {
        let file = try HDF5File(path: Fixtures.path("hdf5/f16_shuffle_zstd.h5"))
        #expect(try file.integer("hidden_size") == 24)
        #expect(try file.text("format") == "fixture")
    }

    @Test(arguments: ["f16_zstd", "f16_shuffle_zstd", "f32_zstd_latest", "f16_uncompressed"])
    func `any range of rows equals the same rows of the whole`(name: String) throws {
        let dataset = try HDF5File(path: Fixtures.path("hdf5/\(name).h5")).dataset("hidden")
        let whole = try dataset.bytes(rows: 0..<dataset.rowCount)
        let rowBytes = whole.count / dataset.rowCount
        for start in 0...dataset.rowCount {
            for end in start...dataset.rowCount {
                #expect(try dataset.bytes(rows: start..<end) == Array(whole[(start * rowBytes)..<(end * rowBytes)]))
            }
        }
    }

    @Test(arguments: try Fixtures.contents(of: "hdf5/corrupt"))
    func `a damaged file is refused in one line that names it`(name: String) throws {
        let message = refusal {
            let file = try HDF5File(path: Fixtures.path("hdf5/corrupt/\(name)"))
            for name in ["hidden", "input_ids", "loss_mask", "offsets"] {
                let dataset = try file.dataset(name)
                _ = try dataset.bytes(rows: 0..<dataset.rowCount)
            }
        }
        #expect(message?.contains(name) == true)
        #expect(message?.contains("\n") == false)
    }

    @Test func `a missing file, dataset or attribute is named`() throws {
        #expect(refusal { _ = try HDF5File(path: "/nowhere.h5") } == "/nowhere.h5: no such file")
        let file = try HDF5File(path: Fixtures.path("hdf5/f16_zstd.h5"))
        #expect(refusal { _ = try file.dataset("nothing") }?.hasSuffix("has no dataset nothing") == true)
        #expect(refusal { _ = try file.text("nothing") }?.hasSuffix("has no attribute nothing") == true)
        #expect(refusal { _ = try file.text("hidden_size") }?.hasSuffix("hidden_size is not text") == true)
        #expect(refusal { _ = try file.integer("format") }?.hasSuffix("format is not a whole number") == true)
    }

    @Test(arguments: ["f16_shuffle_zstd", "f32_zstd_latest", "f16_uncompressed"])
    func `a file with one byte changed is read or refused, but never crashes the reader`(name: String) throws {
        let folder = try TemporaryFolder()
        let good = try MappedFile(path: Fixtures.path("hdf5/\(name).h5"))
        let bytes = good.bytes(0..<good.count)
        var random = RandomSource(seed: 7)
        for round in 0..<250 {
            var changed = bytes
            // Headers lie in front and are the ones that could mislead; half of the changes go there.
            let place = random.below(round % 2 == 0 ? min(4096, bytes.count) : bytes.count)
            changed[place] = UInt8(truncatingIfNeeded: random.next())
            let path = try folder.write(changed, to: "changed.h5")
            _ = refusal {
                let file = try HDF5File(path: path)
                for name in ["hidden", "input_ids", "offsets"] {
                    let dataset = try file.dataset(name)
                    _ = try dataset.bytes(rows: 0..<min(dataset.rowCount, 1000))
                }
            }
        }
    }

    private func littleEndian(_ bytes: [UInt8], _ size: Int) -> [Int64] {
        (0..<bytes.count / size).map { index in
            let pattern = (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[index * size + $1]) << UInt64(8 * $1) }
            return size == 4 ? Int64(Int32(truncatingIfNeeded: pattern)) : Int64(bitPattern: pattern)
        }
    }
}

/// The words of the error that `body` throws; `nil` where it throws none.
func refusal(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch { return "\(error)" }
}
