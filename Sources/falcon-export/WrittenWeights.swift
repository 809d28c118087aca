import FalconDraft
import FalconTensor
import FalconWeights
import Foundation

/// Whether exported files hold what they should: read back, every value must have the bits of the trained weight, or
/// those of the weight rounded to the exported type.
///
/// It is what makes a replay of few dialogues enough: the same weights decode alike everywhere.
struct WrittenWeights {
    /// Those that are to be there, beside the draft vocabulary's.
    let tensors: [(name: String, tensor: Tensor)]
    let network: DraftNetwork
    let type: ElementType

    /// - Parameter folder: the exported one.
    /// - Throws: `FileError` for the first tensor or setting that differs.
    func check(_ folder: String) throws {
        let configuration = try DraftConfiguration(folder: folder)
        guard configuration.blockSize == network.configuration.blockSize,
            configuration.fusion == network.configuration.fusion
        else { throw WrittenWeights.differs(folder + "/config.json", "block size or fusion") }
        for name in ["model.safetensors", "pytorch_model.bin"] {
            let path = folder + "/" + name
            guard FileManager.default.fileExists(atPath: path) else { continue }
            let written = try WeightFolder(path: path)
            let vocabulary = try DraftVocabulary.read(
                written, size: configuration.draftVocabularySize, vocabulary: configuration.model.vocabularySize)
            guard vocabulary == network.vocabulary else { throw WrittenWeights.differs(path, "draft vocabulary") }
            guard written.names.count == tensors.count + (vocabulary == nil ? 0 : 2) else {
                throw WrittenWeights.differs(path, "number of tensors, \(written.names.count),")
            }
            for (tensorName, tensor) in tensors {
                let expected = Tensor(bytes: tensor.bytes(as: type), as: type, tensor.shape)
                let found = try written.tensor(tensorName, shape: tensor.shape)
                // By bits: a NaN is what it was, too.
                guard zip(found.scalars, expected.scalars).allSatisfy({ $0.bitPattern == $1.bitPattern }) else {
                    throw WrittenWeights.differs(path, "tensor '\(tensorName)'")
                }
            }
        }
    }

    private static func differs(_ path: String, _ what: String) -> FileError {
        FileError(
            path, "its \(what) differs from the checkpoint's after writing; nothing is exported, look at the disk")
    }
}
