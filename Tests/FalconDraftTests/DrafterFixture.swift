import FalconDraft
import FalconNN
import FalconTensor
import FalconTestSupport
import Testing

/// One draft head of the `drafter` fixtures with inputs and the outputs of the authors' code for them.
struct DrafterFixture {
    static let names = ["k2_mha", "k3_gqa", "k4_gqa_2layers", "k2_qkvbias", "k2_linear_rope"]

    let folder: String
    let tensors: [String: Tensor]
    let integers: [String: [Int64]]

    init(_ name: String) throws { try self.init(folder: "drafter/" + name, file: "io") }

    /// - Parameter file: `io` for outputs, `grads` for gradients.
    init(folder path: String, file: String) throws {
        folder = Fixtures.path(path)
        tensors = try Fixtures.tensors(folder + "/\(file).safetensors")
        integers = try Fixtures.integers(folder + "/\(file).safetensors")
    }

    func network(_ fusion: FusionKind) throws -> DraftNetwork { try DraftNetwork(folder: folder, fusion: fusion) }

    func tensor(_ name: String) throws -> Tensor { try #require(tensors[name], "no tensor \(name)") }

    /// The input batch under a prefix: features `[batch, time, hidden]`, one row of tokens and one length a sequence.
    func input(_ prefix: String) throws -> (features: Tensor, nextTokens: [[Int32]], lengths: [Int]) {
        let features = try tensor(prefix + ".hidden_states")
        let (batch, time) = (features.shape[0], features.shape[1])
        let tokens = try rows(prefix + ".input_ids", time)
        let lengths = try integers[prefix + ".attention_mask"].map { _ in
            try rows(prefix + ".attention_mask", time).map { $0.reduce(0) { $0 + Int($1) } }
        }
        return (features, tokens, lengths ?? [Int](repeating: time, count: batch))
    }

    /// Whole numbers cut into rows.
    func rows(_ name: String, _ time: Int) throws -> [[Int32]] {
        let values = try #require(integers[name], "no tensor \(name)")
        return stride(from: 0, to: values.count, by: time).map { start in
            values[start..<start + time].map { Int32($0) }
        }
    }
}
