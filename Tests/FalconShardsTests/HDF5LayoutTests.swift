import FalconTensor
import FalconTestSupport
import Testing

@testable import FalconShards

/// Shards in layouts that other programs choose (h5py wrote them): chunks that cut rows, no chunks, documents without
/// tokens.
@Suite struct HDF5LayoutTests {
    static let lengths = [5, 0, 7, 1, 0, 9, 0]

    /// Row r holds r / 2 - column / 4: exact as halves.
    private func features(_ rows: Range<Int>, _ width: Int) -> Tensor {
        Tensor(
            rows.flatMap { row in (0..<width).map { Float(row) * 0.5 - Float($0) * 0.25 } }, [rows.count, width])
    }

    @Test(arguments: try Fixtures.contents(of: "hdf5/layouts"))
    func `a shard is read right whatever its layout`(name: String) throws {
        let reader = try ShardReader(path: Fixtures.path("hdf5/layouts/" + name))
        let width = name.hasPrefix("paged") ? 64 : 10
        #expect(reader.description.hiddenSize == width)
        #expect(reader.ids == Self.lengths.indices.map { "document \($0)" })
        for pool in [nil, ThreadPool(threadCount: 2)] {
            var start = 0
            for (index, length) in Self.lengths.enumerated() {
                let (rows, sequence) = (start..<start + length, try reader.sequence(at: index, on: pool))
                #expect(sequence.features == features(rows, width), "document \(index)")
                #expect(sequence.tokens == rows.map { Int32($0 * 7 % 50) })
                #expect(sequence.lossMask == rows.map { $0 % 3 == 0 ? 0 : 1 })
                #expect(try reader.lossMask(of: index) == sequence.lossMask && reader.length(of: index) == length)
                let part = try reader.sequence(at: index, limit: 2, on: pool)
                #expect(part.features == features(start..<start + min(2, length), width))
                start += length
            }
        }
    }

    @Test(arguments: ["columns", "columns_zstd", "columns_latest", "wide_chunks", "contiguous", "compact", "one_value"])
    func `any range of rows equals the same rows of the whole`(name: String) throws {
        let dataset = try HDF5File(path: Fixtures.path("hdf5/layouts/\(name).h5")).dataset("features")
        let whole = try dataset.bytes(rows: 0..<dataset.rowCount)
        for start in 0...dataset.rowCount {
            for end in start...dataset.rowCount {
                #expect(try dataset.bytes(rows: start..<end) == Array(whole[start * 20..<end * 20]))
            }
        }
    }

    @Test(arguments: try Fixtures.contents(of: "hdf5/layouts"))
    func `one byte changed is read or refused, but never crashes the reader`(name: String) throws {
        let folder = try TemporaryFolder()
        let good = try MappedFile(path: Fixtures.path("hdf5/layouts/" + name))
        let bytes = good.bytes(0..<good.count)
        var random = RandomSource(seed: 11)
        for round in 0..<60 {
            var changed = bytes
            changed[random.below(round % 2 == 0 ? min(4096, bytes.count) : bytes.count)] =
                UInt8(truncatingIfNeeded: random.next())
            let path = try folder.write(changed, to: "changed.h5")
            let problem = refusal {
                let reader = try ShardReader(path: path)
                for index in 0..<reader.count { _ = try reader.sequence(at: index) }
            }
            #expect(problem?.contains("\n") != true)
        }
    }

    @Test func `a grid numbers its chunks row by row`() throws {
        let grid = try #require(HDF5ChunkGrid(shape: [10, 7], chunk: [4, 3]))
        #expect(grid.down == 3 && grid.across == 3 && !grid.isWholeRows)
        #expect(grid.number(row: 2, column: 1) == 7 && grid.number(row: 3, column: 0) == nil)
        #expect(grid.number(row: 0, column: 3) == nil)
        #expect(HDF5ChunkGrid(shape: [10, 7, 2], chunk: [4, 7, 2])?.isWholeRows == true)
        #expect(HDF5ChunkGrid(shape: [10, 7, 2], chunk: [4, 3, 2])?.columns == 6)
        #expect(HDF5ChunkGrid(shape: [10, 7, 2], chunk: [4, 7, 1]) == nil)
        #expect(HDF5ChunkGrid(shape: [0, 7], chunk: [4, 7])?.down == 0)
        #expect(HDF5ChunkGrid(shape: [5], chunk: [2])?.isWholeRows == true)
    }
}
