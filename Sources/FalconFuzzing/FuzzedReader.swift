import FalconDecoding
import FalconDraft
import FalconInspection
import FalconJSON
import FalconModels
import FalconShards
import FalconTemplates
import FalconTensor
import FalconTokenizer
import FalconTraining
import FalconWeights
import Foundation

/// A reader of files from strangers, as one function of bytes that a fuzzer can call.
package enum FuzzedReader: String, CaseIterable, Sendable {
    case safetensors
    /// A whole PyTorch zip archive.
    case torchZip = "torch-zip"
    /// The program of a PyTorch checkpoint, in an archive that is otherwise right: past the archive's checksums.
    case torchProgram = "torch-program"
    case torchLegacy = "torch-legacy"
    case weightIndex = "weight-index"
    /// A whole model with its tokenizer.
    case gguf
    case shard, manifest, tokenizer
    /// A chat template; behind its last U+001E a context for it, as JSON.
    case template
    /// A target's `config.json`, beside weights that fit one of the seeds.
    case configuration
    case draftConfiguration = "draft-configuration"
    case recipe, tree, dataset
    case packedDataset = "packed-dataset"
    case chat
    case trainingState = "training-state"

    /// What a reader made of an input. The third way to end, a crash, ends the process.
    package enum Outcome: Equatable, Sendable {
        case accepted
        /// It threw; these are its words.
        case refused(String)
    }

    /// Reads an input with everything that a command would ask of such a file.
    ///
    /// - Parameters:
    ///   - input: the file's content.
    ///   - desk: where the file is put for readers that take paths.
    package func read(_ input: [UInt8], on desk: FuzzDesk) throws -> Outcome {
        do {
            switch self {
            case .safetensors: try readSafetensors(desk.put(input, as: "model.safetensors"))
            case .torchZip, .torchLegacy: try readCheckpoint(desk.put(input, as: "pytorch_model.bin"))
            case .torchProgram: try readCheckpoint(desk.putArchive(program: input))
            case .weightIndex: try readIndex(input, desk)
            case .gguf: try readModelFile(desk.put(input, as: "model.gguf"), desk)
            case .shard: try readShard(desk.put(input, as: "shard-00000.h5"))
            case .manifest: try readManifest(input, desk)
            case .tokenizer: try readTokenizer(input)
            case .configuration: try readConfiguration(input, desk)
            case .template: try readTemplate(input)
            case .draftConfiguration:
                try desk.lay("model.safetensors") { try desk.seeds.draftWeights() }
                _ = try desk.put(input, as: "config.json")
                _ = try DraftNetwork(folder: desk.path)
            case .recipe: try readRecipe(input, desk)
            case .tree: try readTree(desk.put(input, as: "tree.toml"))
            case .dataset: try readDataset(desk.put(input, as: "chats.json"))
            case .packedDataset: try readDataset(desk.put(input, as: "chats.jsonl.zst"))
            case .chat: try readChat(desk.put(input, as: "chat.json"))
            case .trainingState:
                let state = try TrainingState(path: desk.put(input, as: "state.json"))
                _ = try Recipe(toml: state.recipe, source: "state.json")
            }
            return .accepted
        } catch let error as FuzzDesk.Failure {
            throw error
        } catch {
            return .refused("\(error)")
        }
    }

    private func readSafetensors(_ path: String) throws {
        let file = try SafetensorsFile(path: path)
        for name in file.names { try read(file.stored(name)) }
    }

    private func readCheckpoint(_ path: String) throws {
        let file = try TorchCheckpoint(path: path)
        for name in file.names { try read(file.stored(name)) }
    }

    private func read(_ tensor: StoredTensor?) throws {
        guard let tensor else { return }
        if tensor.type.isFloatingPoint {
            _ = try tensor.tensor()
            _ = try tensor.isFinite()
        } else {
            _ = try tensor.integers()
        }
    }

    private func readModelFile(_ path: String, _ desk: FuzzDesk) throws {
        let file = try GGUFModelFiles(path: path)
        for tensor in file.tensors { try read(tensor) }
        for key in file.metadata.keys {
            _ = (try? file.metadata.integer(key), try? file.metadata.real(key), try? file.metadata.string(key))
            _ = (try? file.metadata.strings(key), try? file.metadata.integers(key), try? file.metadata.reals(key))
        }
        let source = try ModelSource(path: path)
        let model = try TargetModel(source, pool: desk.pool)
        let tokens = [Int32](repeating: 0, count: min(3, model.configuration.maxPositions))
        _ = model.forward(tokens, cache: model.makeCache(capacity: tokens.count), on: desk.pool)
        _ = try? source.template(TemplateChoice())
        let tokenizer = try source.tokenizer()
        let ids = tokenizer.encode("  Hello, wörld! 12345 don't\n\n日本 <s> a\u{301}\u{0} \u{2581}")
        _ = tokenizer.decode(ids + [-1, 0, Int32.max], skippingSpecial: true)
    }

    private func readIndex(_ input: [UInt8], _ desk: FuzzDesk) throws {
        try desk.lay("model-00001-of-00001.safetensors") { try desk.seeds.inputs(for: .safetensors)[0] }
        let folder = try WeightFolder(path: desk.put(input, as: "model.safetensors.index.json"))
        for name in folder.names { try read(folder.stored(name)) }
    }

    private func readShard(_ path: String) throws {
        let shard = try ShardReader(path: path)
        for index in 0..<min(shard.count, 64) { _ = try shard.sequence(at: index, limit: 256) }
    }

    private func readManifest(_ input: [UInt8], _ desk: FuzzDesk) throws {
        try desk.lay("shard-00000.h5") { try desk.seeds.inputs(for: .shard)[0] }
        _ = try desk.put(input, as: ShardManifest.fileName)
        let manifest = try ShardManifest(folder: desk.path)
        _ = (manifest.sequenceCount, manifest.tokenCount)
        let store = try FeatureStore(folder: desk.path)
        _ = try store.sequence(at: store.count - 1)
        try store.verifyDigests()
    }

    private func readTokenizer(_ input: [UInt8]) throws {
        let tokenizer = try Tokenizer(json: input, path: "tokenizer.json")
        let text = "  Hello, wörld! 12345 don't\n\n日本 <s><|im_end|> a\u{301}\u{0} ab\u{2581}"
        let ids = tokenizer.encodeWithSpans(text).ids
        _ = tokenizer.decode(ids + [-1, 0, 1, Int32.max], skippingSpecial: true)
    }

    /// What a template may take here is small, so that a reading ends within its second in a debug build too.
    private static let templateLimits: TemplateLimits = {
        var limits = TemplateLimits()
        limits.steps = 30_000
        limits.textBytes = 1 << 17
        limits.madeBytes = 1 << 22
        limits.elements = 5000
        return limits
    }()

    private func readTemplate(_ input: [UInt8]) throws {
        let parts = input.split(separator: 0x1E, omittingEmptySubsequences: false)
        let source = Array(parts.dropLast(parts.count > 1 ? 1 : 0).joined(separator: [0x1E]))
        var context = TemplateContext(
            messages: [], specialTokens: ["bos_token": "<s>", "eos_token": "</s>"],
            clock: TemplateClock(year: 2026, month: 3, day: 5))
        var given = JSONObject()
        if parts.count > 1 { given = (try JSONParser.parse(Array(parts[parts.count - 1]))).object ?? given }
        context.tools = given["tools"]
        context.addGenerationPrompt = given["add_generation_prompt"]?.boolean ?? false
        context.arguments = given["kwargs"]?.object ?? JSONObject()
        context.messages = given["messages"]?.array ?? FuzzSeeds.dialogue
        let program = try ChatTemplateProgram(
            String(decoding: source, as: UTF8.self), name: "input", limits: FuzzedReader.templateLimits)
        let text = try program.render(context).text
        // Spans render a dialogue several times over.
        guard context.messages.count <= 6, text.utf8.count <= 4096 else { return }
        guard case .known(let spans) = try program.assistantSpans(context).spans else { return }
        let bytes = Array(text.utf8)
        for span in spans {
            guard String(validating: bytes[span.range], as: UTF8.self) != nil,
                span.range.contains(span.supervised.lowerBound) || span.supervised.isEmpty,
                span.supervised.upperBound == span.range.upperBound
            else { throw FuzzDesk.Failure(description: "the spans of an accepted template do not fit its text") }
        }
    }

    private func readConfiguration(_ input: [UInt8], _ desk: FuzzDesk) throws {
        try desk.lay("model.safetensors") { try FuzzSeeds.targetWeights() }
        _ = try desk.put(input, as: "config.json")
        let model = try TargetModel(folder: desk.path, pool: desk.pool)
        let tokens = [Int32](repeating: 0, count: min(3, model.configuration.maxPositions))
        _ = model.forward(tokens, cache: model.makeCache(capacity: tokens.count), on: desk.pool)
    }

    private func readRecipe(_ input: [UInt8], _ desk: FuzzDesk) throws {
        let recipe = try Recipe(path: desk.put(input, as: "recipe.toml"))
        // What is printed back must be read as the same recipe.
        let printed = try recipe.toml
        guard try Recipe(toml: printed, source: "printed").toml == printed else {
            preconditionFailure("a recipe changes when it is printed and read again")
        }
    }

    private func readTree(_ path: String) throws {
        let tree = try TokenTree(tomlFile: path, blockSize: 2)
        guard try TokenTree(toml: tree.toml, path: path, defaultName: "tree", blockSize: 2).nodes == tree.nodes else {
            preconditionFailure("a tree changes when it is written and read again")
        }
    }

    private func readDataset(_ path: String) throws {
        let reading = try DatasetFile.read(path)
        _ = reading.notes(of: reading.dialogues)
        for dialogue in reading.dialogues {
            _ = try? PromptDialogue(dialogue)
            _ = try? ChatTemplate.style("chatml").supervised(dialogue.messages, dialogue.variables)
        }
    }

    private func readChat(_ path: String) throws {
        _ = try GivenChat(JSONValue(path: path), path: path)
        let row = try DatasetFile.read(path)
        for dialogue in row.dialogues { _ = try ChatTemplate.style("chatml").prompt(dialogue.messages) }
    }
}
