import FalconModels
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct TargetModelTests {
    /// Compares one folder with its `expected.safetensors`: features, logits and 32 greedy tokens of two sequences.
    static func compare(_ folder: String, expected path: String, threads: Int) throws {
        let pool = ThreadPool(threadCount: threads)
        let model = try TargetModel(folder: folder, pool: pool)
        let tensors = try Fixtures.tensors(path)
        let integers = try Fixtures.integers(path)
        let features = try #require(tensors["final_hidden"])
        let logits = try #require(tensors["logits"])
        let ids = try #require(integers["input_ids"])
        let greedy = try #require(integers["greedy_ids"])
        let length = features.shape[1]
        for row in 0..<2 {
            let tokens = ids[row * length..<(row + 1) * length].map(Int32.init)
            let cache = model.makeCache(capacity: length + 33)
            let computed = model.forward(tokens, cache: cache, on: pool)
            let expected = features.reshaped([2 * length, features.width]).rows(row * length..<(row + 1) * length)
            expectClose(computed, expected, absolute: 2e-4, "\(folder) features of row \(row)")
            let expectedLogits = logits.reshaped([2 * length, logits.width]).rows(row * length..<(row + 1) * length)
            expectClose(model.logits(computed, on: pool), expectedLogits, absolute: 2e-4, "\(folder) logits")

            var token = model.greedyTokens(computed.rows(length - 1..<length), on: pool)[0]
            var answer: [Int64] = []
            for _ in 0..<32 {
                answer.append(Int64(token))
                token = model.greedyTokens(model.forward([token], cache: cache, on: pool), on: pool)[0]
            }
            #expect(answer == Array(greedy[row * 32..<(row + 1) * 32]), "\(folder) greedy tokens of row \(row)")
        }
    }

    @Test("small models of the suite agree with Hugging Face", arguments: ["llama_gqa", "qwen3"])
    func committedFixtures(name: String) throws {
        let folder = Fixtures.path("targets/\(name)")
        try TargetModelTests.compare(folder, expected: folder + "/expected.safetensors", threads: 2)
    }

    @Test("every shared model agrees with Hugging Face, in both spellings of its configuration")
    func sharedFixtures() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        for name in try Fixtures.contents(of: shared + "/fixtures/targets") {
            let folder = shared + "/fixtures/targets/" + name
            try TargetModelTests.compare(folder, expected: folder + "/expected.safetensors", threads: 1)
            let copy = try TemporaryFolder()
            for file in try Fixtures.contents(of: folder) where file != "config.json" {
                let target = file == "config_alt.json" ? "config.json" : file
                try FileManager.default.createSymbolicLink(
                    atPath: copy.file(target), withDestinationPath: folder + "/" + file)
            }
            try TargetModelTests.compare(copy.path, expected: folder + "/expected.safetensors", threads: 2)
        }
    }

    @Test("the trained targets agree with their reference", arguments: ["chat-1m", "chat-8m"])
    func trainedTargets(name: String) throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let folder = shared + "/targets/" + name
        guard FileManager.default.fileExists(atPath: folder) else { return }
        let pool = ThreadPool(threadCount: 2)
        let model = try TargetModel(folder: folder, pool: pool)
        let tensors = try Fixtures.tensors(folder + "/reference.safetensors")
        let integers = try Fixtures.integers(folder + "/reference.safetensors")
        for prompt in 0..<4 {
            let tokens = try #require(integers["prompt\(prompt).input_ids"]).map(Int32.init)
            let cache = model.makeCache(capacity: tokens.count + 64)
            let features = model.forward(tokens, cache: cache, on: pool)
            expectClose(
                features, try #require(tensors["prompt\(prompt).final_hidden"]), absolute: 2e-4,
                "\(name) features of prompt \(prompt)")
            expectClose(
                model.logits(features, on: pool), try #require(tensors["prompt\(prompt).logits"]), absolute: 5e-4,
                "\(name) logits of prompt \(prompt)")
            var answer: [Int64] = []
            var token = model.greedyTokens(features.rows(tokens.count - 1..<tokens.count), on: pool)[0]
            for _ in 0..<64 {
                answer.append(Int64(token))
                token = model.greedyTokens(model.forward([token], cache: cache, on: pool), on: pool)[0]
            }
            #expect(answer == integers["prompt\(prompt).greedy_ids"], "\(name) prompt \(prompt)")
        }
    }

    @Test(
        "a row of a token tree has the bits of plain decoding along its path", arguments: ProductArithmetic.allCases)
    func treeRowsEqualPlainDecoding(arithmetic: ProductArithmetic) throws {
        let folder = Fixtures.path("targets/llama_gqa")
        let one = ThreadPool(threadCount: 1)
        let model = try TargetModel(folder: folder, arithmetic: arithmetic, pool: one)
        var source = RandomSource(seed: 4)
        func token() -> Int32 { Int32(source.below(model.configuration.vocabularySize)) }
        for threads in [1, 3] {
            let pool = ThreadPool(threadCount: threads)
            for trial in 0..<4 {
                let prompt = (0..<3 + 17 * trial).map { _ in token() }
                let tokens = (0..<23).map { _ in token() }
                let parents = (0..<23).map { $0 == 0 ? -1 : source.below($0 + 1) - 1 }
                let cache = model.makeCache(capacity: 200)
                _ = model.forward(prompt, cache: cache, on: pool)
                let tree = model.forward(tokens, parents: parents, cache: cache, on: pool)
                var deepest: [Int] = []
                for row in 0..<23 {
                    var path = [row]
                    while parents[path[0]] >= 0 { path.insert(parents[path[0]], at: 0) }
                    if path.count > deepest.count { deepest = path }
                    let plain = model.makeCache(capacity: 200)
                    _ = model.forward(prompt, cache: plain, on: one)
                    var last = Tensor(zeros: [0])
                    for node in path { last = model.forward([tokens[node]], cache: plain, on: one) }
                    #expect(last.scalars == tree.row(row), "row \(row) of trial \(trial) with \(threads) threads")
                }
                // After committing a path, the next token goes on as if it had been decoded plainly.
                cache.commit(path: deepest)
                let next = token()
                let continued = model.forward([next], cache: cache, on: pool)
                let plain = model.makeCache(capacity: 200)
                let whole = model.forward(prompt + deepest.map { tokens[$0] } + [next], cache: plain, on: one)
                #expect(continued.scalars == whole.row(whole.rowCount - 1))
                #expect(cache.committedCount == prompt.count + deepest.count + 1)
            }
        }
    }

    /// bfloat16 keeps 8 bits: rounding a value is off by about 0.0011 of it (root mean square). 8 bits of a group's
    /// largest size, some 2.4 standard deviations, are off by 2.4 / 127 / sqrt(12) = 0.0055 of one, five times as much.
    /// Through a few layers such errors of weights and rows grow about tenfold.
    @Test(
        "rounded arithmetic stays near float32", arguments: ["llama_gqa", "qwen3"],
        [(ProductArithmetic.bfloat16, 0.02), (.int8, 0.1)])
    func roundedArithmetic(name: String, arithmetic: (ProductArithmetic, Double)) throws {
        let pool = ThreadPool(threadCount: 2)
        let folder = Fixtures.path("targets/\(name)")
        func features(_ arithmetic: ProductArithmetic) throws -> Tensor {
            let model = try TargetModel(folder: folder, arithmetic: arithmetic, pool: pool)
            let tokens = (0..<64).map { Int32($0 * 31 % model.configuration.vocabularySize) }
            return model.forward(tokens, cache: model.makeCache(capacity: 64), on: pool)
        }
        let (exact, rounded) = try (features(.float32), features(arithmetic.0))
        let error = zip(exact.scalars, rounded.scalars).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let size = exact.scalars.reduce(0.0) { $0 + Double($1 * $1) }
        let relative = (error / size).squareRoot()
        #expect(relative < arithmetic.1 && relative > 0, "root mean square error \(relative)")
    }

    @Test("a missing folder or tensor is named in one line")
    func errors() throws {
        let pool = ThreadPool(threadCount: 1)
        #expect(throws: FileError.self) { try TargetModel(folder: "/no/such/model", pool: pool) }
        let folder = try TemporaryFolder()
        let source = Fixtures.path("targets/llama_gqa")
        try FileManager.default.copyItem(
            atPath: source + "/model.safetensors", toPath: folder.file("model.safetensors"))
        let text = try String(contentsOfFile: source + "/config.json", encoding: .utf8)
        try folder.write(
            text.replacingOccurrences(of: "\"num_hidden_layers\": 3", with: "\"num_hidden_layers\": 4"),
            to: "config.json")
        let error = #expect(throws: (any Error).self) { try TargetModel(folder: folder.path, pool: pool) }
        #expect("\(error!)".contains("model.layers.3.") && !"\(error!)".contains("\n"))
    }
}
