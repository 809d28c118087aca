import FalconTensor

@testable import FalconDecoding

/// Drafts what a test wants.
final class ScriptedDrafter: RoundDrafter {
    let treeRows: Int
    private let script: (_ tokens: Int, _ room: Int) -> TokenChoice.Draft?
    private var tokens = 0

    /// - Parameter script: given how many tokens the text has and how deep a tree is of use; `nil` drafts nothing.
    init(treeRows: Int, script: @escaping (_ tokens: Int, _ room: Int) -> TokenChoice.Draft?) {
        (self.treeRows, self.script) = (treeRows, script)
    }

    func next(_ choice: inout TokenChoice, room: Int) -> DraftedRound {
        script(tokens, room).map { .draft($0, extend: 0) } ?? .plain
    }

    func committed(_ features: Tensor, nextTokens: [Int32]) { tokens += tokens == 0 ? 1 : nextTokens.count }

    func timed(_ round: RoundTimes) {}
}
