import Foundation

/// Answers in FastChat's layout, one JSON object a line, so that its judges and EAGLE's scripts read them.
package enum AnswerFile {
    private struct Line: Encodable {
        let question_id: QuestionID
        let model_id: String
        let choices: [Choice]
    }

    private struct Choice: Encodable {
        let index: Int
        let turns: [String]
        /// Target passes of each turn.
        let idxs: [Int]
        let new_tokens: [Int]
        let wall_time: [Double]
        /// Accepted draft tokens of each target pass, over all turns.
        let accept_lengths: [Int]
        /// For each turn whether its answer goes round in a cycle; ours, FastChat has no such field.
        let loops: [Bool]
        /// Why each turn's answer ended (`FinishReason`); ours.
        let finish_reasons: [String]
        /// There where the run was stopped within the dialogue: turns are missing. Ours.
        let interrupted: Bool?
    }

    /// FastChat's identifiers are whole numbers, other datasets' are words.
    private struct QuestionID: Encodable {
        let text: String

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if let number = Int(text) {
                try container.encode(number)
            } else {
                try container.encode(text)
            }
        }
    }

    /// The answers, a line for each dialogue.
    package static func text(_ dialogues: [AnsweredDialogue], model: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try dialogues.map { dialogue in
            let turns = dialogue.turns
            let choice = Choice(
                index: 0, turns: turns.map(\.text), idxs: turns.map(\.decoded.statistics.targetPasses),
                new_tokens: turns.map(\.decoded.tokens.count), wall_time: turns.map(\.decoded.seconds.total),
                accept_lengths: turns.flatMap(\.decoded.acceptLengths), loops: turns.map(\.loops),
                finish_reasons: turns.compactMap(\.finish?.rawValue),
                interrupted: dialogue.stopped == nil ? nil : true)
            let line = Line(question_id: QuestionID(text: dialogue.prompt.id), model_id: model, choices: [choice])
            return String(decoding: try encoder.encode(line), as: UTF8.self) + "\n"
        }.joined()
    }
}
