// Writes the chats of the quickstart: make-datasets [SEED] [FOLDER]. See Datasets/README.md.
import Foundation

let kinds: [TaskKind] = [
    TaskKind(name: "arithmetic", weight: 10, make: NumberTasks.arithmetic),
    TaskKind(name: "units", weight: 6, make: NumberTasks.units),
    TaskKind(name: "word-problem", weight: 12, make: WordProblemTasks.wordProblem),
    TaskKind(name: "sorting", weight: 8, make: ListTasks.sorting),
    TaskKind(name: "counting", weight: 7, make: ListTasks.counting),
    TaskKind(name: "shopping-list", weight: 8, make: ListTasks.shoppingList),
    TaskKind(name: "record", weight: 9, make: RecordTasks.record),
    TaskKind(name: "json", weight: 7, make: RecordTasks.json),
    TaskKind(name: "table", weight: 8, make: RecordTasks.table),
    TaskKind(name: "rewriting", weight: 10, make: RewritingTasks.rewriting),
    TaskKind(name: "opposite", weight: 4, make: RewritingTasks.opposite),
    TaskKind(name: "invented-language", weight: 7, make: RewritingTasks.inventedLanguage),
    TaskKind(name: "place", weight: 8, make: DescriptionTasks.place),
    TaskKind(name: "animal", weight: 7, make: DescriptionTasks.animal),
    TaskKind(name: "recipe", weight: 8, make: DescriptionTasks.recipe),
    TaskKind(name: "story", weight: 9, make: DescriptionTasks.story),
    TaskKind(name: "dates", weight: 8, make: CalendarTasks.dates),
    TaskKind(name: "schedule", weight: 8, make: CalendarTasks.schedule),
    TaskKind(name: "code", weight: 9, make: CodeTasks.code),
    TaskKind(name: "manual", weight: 9, make: ManualTasks.manual),
    TaskKind(name: "email", weight: 10, make: MessageTasks.email),
    TaskKind(name: "yes-no", weight: 10, make: ReasoningTasks.yesNo),
    TaskKind(name: "comparison", weight: 8, make: ReasoningTasks.comparison),
    TaskKind(name: "grid", weight: 6, make: ReasoningTasks.grid),
    TaskKind(name: "procedure", weight: 7, make: ProcedureTasks.procedure),
    TaskKind(name: "weather", weight: 8, make: ReportTasks.weather),
    TaskKind(name: "biography", weight: 8, make: ReportTasks.biography),
    TaskKind(name: "day-out", weight: 8, make: ReportTasks.dayOut),
    TaskKind(name: "review", weight: 8, make: ReportTasks.review),
]
/// One facts hash in 16 is held out.
let heldOutShare: UInt64 = 16
let dialoguesPerWeight = 45
let questionsPerWeight = 3

struct Sample {
    let id: String
    let kind: TaskKind
    let dialogue: Dialogue
}

let arguments = CommandLine.arguments
let seed: UInt64 = arguments.count > 1 ? UInt64(arguments[1]) ?? 2025 : 2025
let folder: String = arguments.count > 2 ? arguments[2] : "Datasets"

var training: [Sample] = []
var heldOut: [Sample] = []
for kind in kinds {
    var facts: Set<String> = []
    var (kept, index) = (0, 0)
    let wanted = kind.weight * dialoguesPerWeight
    while kept < wanted {
        precondition(index < 40 * wanted, "\(kind.name) has too few different facts for \(wanted) dialogues")
        var random = SeededRandom(seed: stableHash("\(seed) \(kind.name) \(index)"))
        let sample = Sample(id: "\(kind.name)-\(index)", kind: kind, dialogue: kind.make(&random))
        index += 1
        guard facts.insert(sample.dialogue.facts).inserted else { continue }
        if stableHash("\(kind.name) \(sample.dialogue.facts)") % heldOutShare == 0 {
            heldOut.append(sample)
        } else {
            training.append(sample)
            kept += 1
        }
    }
}

var order = SeededRandom(seed: seed)
training = order.shuffled(training)
heldOut = order.shuffled(heldOut)
let seen = Set(training.map { $0.dialogue.turns[0].question })
heldOut.removeAll { seen.contains($0.dialogue.turns[0].question) }

/// Some questions of every kind, kinds in turn, so that any first part of the file is a fair mixture.
var questions: [Sample] = []
for round in 0..<questionsPerWeight {
    for kind in kinds {
        let ofKind = heldOut.filter { $0.kind.name == kind.name }
        if round < ofKind.count, round < 2 || kind.weight > 8 { questions.append(ofKind[round]) }
    }
}

func write(_ text: String, _ name: String) throws {
    try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
}
func list(_ samples: [Sample]) -> String {
    "[\n" + samples.map { shareGPT(id: $0.id, $0.dialogue) }.joined(separator: ",\n") + "\n]\n"
}
do {
    try write(list(training), "quickstart-train.json")
    try write(list(heldOut), "quickstart-heldout.json")
    let lines = questions.enumerated().map { question(number: $0 + 1, category: $1.kind.name, $1.dialogue) }
    try write(lines.joined(separator: "\n") + "\n", "quickstart-questions.jsonl")
} catch {
    FileHandle.standardError.write(Data("make-datasets: \(folder): \(error.localizedDescription)\n".utf8))
    exit(1)
}

let severalTurns = 100 * training.count { $0.dialogue.turns.count > 1 } / training.count
print(
    "seed \(seed): \(training.count) dialogues, \(kinds.count) kinds, \(severalTurns) % of several turns;"
)
print("\(heldOut.count) held out, \(questions.count) of them as questions; no held-out first question is in training")
