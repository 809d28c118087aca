import FalconDecoding
import FalconTestSupport
import FalconTokenizer
import Foundation
import Testing

@testable import FalconDataGeneration

/// What is done with a user's turn that the target wrote.
@Suite struct UserTurnTests {
    private func draft(
        _ text: String, end: [Int32] = [257], marker: String? = nil, piece: Int = 3
    ) throws -> (draft: UserTurnDraft, isCut: Bool) {
        let folder = try TemporaryFolder()
        let tokenizer = try Tokenizer(folder: TinyTarget.write(into: folder))
        var draft = UserTurnDraft(
            prompt: [256], stop: StopRule(endTokens: [257], maximumTokens: 64), sampling: SamplingRule(temperature: 1),
            marker: marker, tokenizer: tokenizer)
        let tokens = tokenizer.encode(text) + end
        for start in stride(from: 0, to: tokens.count, by: piece) {
            if draft.append(Array(tokens[start..<min(start + piece, tokens.count)])) { return (draft, true) }
        }
        return (draft, false)
    }

    @Test func `what is kept is trimmed`() throws {
        #expect(try draft(" \n What is it? \n").draft.cleaned() == .success("What is it?"))
        #expect(try draft("Größe, 大小?").draft.cleaned() == .success("Größe, 大小?"))
    }

    @Test func `each fault has its reason`() throws {
        let cases: [(String, [Int32], UserTurnFault)] = [
            ("", [257], .empty), (" \n ", [257], .empty), ("?!...", [257], .empty), ("What is", [], .cut),
            ("", [], .cut), ("What <|im_start|> now?", [257], .controlTokens), ("a", [200, 257], .brokenText),
            (String(repeating: "la li lu ", count: 12), [257], .loops),
        ]
        for (text, end, fault) in cases {
            #expect(try draft(text, end: end).draft.cleaned() == .failure(fault), "\(text.debugDescription)")
        }
    }

    @Test func `words end a turn where no token does, in whatever pieces they come`() throws {
        for piece in 1...9 {
            let (cut, isCut) = try draft("How are you? [/INST] Fine", end: [], marker: "[/INST]", piece: piece)
            #expect(isCut && cut.cleaned() == .success("How are you?"), "\(piece)")
        }
        let (whole, isCut) = try draft("How are you? [/INS", marker: "[/INST]")
        #expect(!isCut && whole.cleaned() == .success("How are you? [/INS"))
    }

    @Test func `two that say the same have one normal form`() {
        let same = ["What's  up?", "what s up", "WHAT'S UP!", " What’s\nup… "]
        #expect(Set(same.map(UserTurnDraft.normalForm)) == ["what s up"])
        #expect(UserTurnDraft.normalForm("What is up") != UserTurnDraft.normalForm("Whatis up"))
    }
}
