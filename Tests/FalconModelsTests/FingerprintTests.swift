import FalconModels
import FalconTestSupport
import FalconWeights
import Testing

/// Fingerprints stay what they are: shards, checkpoints and draft heads all over the world are tied to them.
@Suite struct FingerprintTests {
    @Test(arguments: [
        ("Checkpoints/target", "19ac3a617a703d03584cabff4ab66c1549c66f89687857c508e78b50d639d6bb"),
        (
            "Tests/Fixtures/targets/llama_gqa",
            "bbcc700817ac04a85f88ad41861aff656165abc70e855082db385d451bdf4df9"
        ),
        ("Tests/Fixtures/targets/qwen3", "c20100cbe1d38544dd453ba93a40110d37f7da7c691631134275089f110adc41"),
    ])
    func `a model keeps its fingerprint`(path: String, fingerprint: String) throws {
        let folder = Fixtures.repository + "/" + path
        #expect(
            try TargetModel.fingerprint(ModelConfiguration(folder: folder), WeightFolder(path: folder)) == fingerprint)
    }

    @Test(arguments: [
        ("llama_rope_linear", "055017130db9efbacce2687007b3fd2bf10a4ba5fcb77317349d7b2008d2088d"),
        ("llama_rope_llama3", "5cb98b300d8e68bb83b80029c4aca7ca9328c4e0ea438f19806e376ad01e50dc"),
        ("mistral", "cd8d1016192a5f55c0c5a10559a47d886c3b1755082eaa681e3c130e564792db"),
        ("qwen2_tied", "d8f37d4227b839b3da098f7fd47ed26ab490bab8415ffdd7699dd9dd89939743"),
    ])
    func `a shared model keeps its fingerprint`(name: String, fingerprint: String) throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let folder = shared + "/fixtures/targets/" + name
        #expect(
            try TargetModel.fingerprint(ModelConfiguration(folder: folder), WeightFolder(path: folder)) == fingerprint)
    }

    static let scalings: [(RotaryConfiguration.Scaling, String)] = [
        (.none, "none"), (.linear(factor: 4), "linear(factor: 4.0)"),
        (.dynamic(factor: 2, maxPositions: 64), "dynamic(factor: 2.0, maxPositions: 64)"),
        (
            .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalPositions: 32),
            "llama3(factor: 8.0, lowFrequency: 1.0, highFrequency: 4.0, originalPositions: 32)"
        ),
    ]

    @Test(arguments: scalings)
    func `a configuration keeps its text`(scaling: RotaryConfiguration.Scaling, text: String) {
        let configuration = ModelConfiguration(
            family: .qwen2, vocabularySize: 8, hiddenSize: 8, layerCount: 1, headCount: 2, intermediateSize: 8,
            normEpsilon: 1e-6, rotary: RotaryConfiguration(base: 500_000, scaling: scaling))
        #expect(
            configuration.identity
                == "qwen2 2 1e-06 RotaryConfiguration(base: 500000.0, scaling: "
                + "FalconWeights.RotaryConfiguration.Scaling.\(text))")
    }
}
