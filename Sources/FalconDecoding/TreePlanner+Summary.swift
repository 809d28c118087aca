import FalconTensor
import Foundation

extension TreePlanner {
    /// The plan in words, for so many texts that share passes.
    package func summary(sharedBy texts: Int = 1) -> String {
        func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
        let plan = plan(sharedBy: texts)
        let name = texts > 1 ? "\(name), \(texts) texts in a pass" : name
        let plain = "\(number(plan.plainTokensPerSecond, 1)) tokens/s"
        guard plan.plainTokensPerSecond > 0 else {
            return "\(name): no round could be timed (texts too short), decoding plainly"
        }
        guard let tree = plan.tree else {
            return "\(name): drafting cannot pay here, decoding plainly at about \(plain); "
                + "the best tree would bring \(number(plan.bestTokensPerSecond, 1))"
        }
        let shape =
            plan.dynamic == nil
            ? "\(counted(tree.nodes.count, "node")), \(tree.depth) deep, "
                + counted(tree.passCount, "draft pass", "draft passes")
            : "a tree for each round; the best single one, of \(counted(tree.nodes.count, "node"))"
        return "\(name): \(shape): "
            + "\(number(plan.acceptLength, 2)) tokens accepted in a round of "
            + "\(number(Double(texts) * plan.roundSeconds * 1000, 2)) ms expected, "
            + "\(number(plan.tokensPerSecond, 1)) tokens/s against \(plain) plain"
    }
}
