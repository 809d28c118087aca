import FalconJSON
import Foundation

extension BytePairTrainer {
    /// Trains the tokenizer of a small chat model, with ChatML's tokens, and writes `tokenizer.json` and
    /// `tokenizer_config.json` into its folder.
    ///
    /// - Throws: `TokenizerError` as `train` does, or naming the file that cannot be written.
    package static func writeChatTokenizer(
        to folder: String, texts: some Sequence<String>, vocabularySize: Int, maximumLength: Int = 2048
    ) throws {
        let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        let files = [
            ("tokenizer.json", try train(texts, vocabularySize: vocabularySize, specialTokens: special)),
            ("tokenizer_config.json", chatConfiguration(maximumLength: maximumLength)),
        ]
        for (name, text) in files {
            let path = folder + (folder.hasSuffix("/") ? "" : "/") + name
            do {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            } catch {
                throw TokenizerError(path, "cannot be written: \(error.localizedDescription)")
            }
        }
    }

    /// A `tokenizer_config.json` with a ChatML template that marks what the assistant says, for
    /// `apply_chat_template(..., return_assistant_tokens_mask=True)` of transformers.
    package static func chatConfiguration(maximumLength: Int) -> String {
        let template =
            "{%- for message in messages %}"
            + "{%- if message['role'] == 'assistant' %}"
            + "{{- '<|im_start|>assistant\\n' }}"
            + "{%- generation %}{{- message['content'] + '<|im_end|>' }}{%- endgeneration %}{{- '\\n' }}"
            + "{%- else %}"
            + "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
            + "{%- endif %}{%- endfor %}"
            + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
        return """
            {
              "add_bos_token": false,
              "add_prefix_space": false,
              "bos_token": null,
              "chat_template": \(quoted(template)),
              "clean_up_tokenization_spaces": false,
              "eos_token": "<|im_end|>",
              "model_max_length": \(maximumLength),
              "pad_token": "<|endoftext|>",
              "tokenizer_class": "PreTrainedTokenizerFast",
              "unk_token": null
            }

            """
    }

    /// The content of `tokenizer.json`, in the layout of Hugging Face's `tokenizers`.
    func tokenizerFile(specialTokens: [String]) -> String {
        let spellings = tokens.map { String(decoding: ByteAlphabet.spelling(of: $0[...]), as: UTF8.self) }
        let added = specialTokens.enumerated().map { index, token in
            """
                {"id": \(tokens.count + index), "content": \(Self.quoted(token)), "single_word": false, \
            "lstrip": false, "rstrip": false, "normalized": false, "special": true}
            """
        }
        let vocabulary = spellings.enumerated().map { "      \(Self.quoted($0.element)): \($0.offset)" }
        let pairs = merges.map {
            "      [\(Self.quoted(spellings[Int($0.left)])), \(Self.quoted(spellings[Int($0.right)]))]"
        }
        let pattern = WordPattern.llama3(digits: 1).regularExpression
        let byteLevel = """
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}
            """
        return """
            {
              "version": "1.0",
              "truncation": null,
              "padding": null,
              "added_tokens": [
            \(added.joined(separator: ",\n"))
              ],
              "normalizer": {"type": "NFC"},
              "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                  {
                    "type": "Split",
                    "pattern": {"Regex": \(Self.quoted(pattern))},
                    "behavior": "Isolated",
                    "invert": false
                  },
                  \(byteLevel)
                ]
              },
              "post_processor": \(byteLevel),
              "decoder": \(byteLevel),
              "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": false,
                "vocab": {
            \(vocabulary.joined(separator: ",\n"))
                },
                "merges": [
            \(pairs.joined(separator: ",\n"))
                ]
              }
            }

            """
    }

    /// A string as JSON writes it.
    private static func quoted(_ text: String) -> String { JSONValue.string(text).text() }
}
