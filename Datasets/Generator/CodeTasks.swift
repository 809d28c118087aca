/// One small function in Swift or Python, with a sentence that explains it.
enum CodeTasks {
    private struct Snippet {
        let task: String
        let swift: String
        let python: String
        let explanation: String
    }

    private static let snippets: [Snippet] = [
        Snippet(
            task: "adds {n} to a number",
            swift: "func {f}(_ x: Int) -> Int {\n    return x + {n}\n}", python: "def {f}(x):\n    return x + {n}",
            explanation: "[It adds {n} to x and returns the sum.|"
                + "The result is x plus {n}, so {f}(1) gives {plusOne}.]"),
        Snippet(
            task: "multiplies a number by {n}",
            swift: "func {f}(_ x: Int) -> Int {\n    return x * {n}\n}", python: "def {f}(x):\n    return x * {n}",
            explanation: "[It returns x times {n}.|The result is {n} times x, so {f}(2) gives {timesTwo}.]"),
        Snippet(
            task: "checks if a number is greater than {n}",
            swift: "func {f}(_ x: Int) -> Bool {\n    return x > {n}\n}", python: "def {f}(x):\n    return x > {n}",
            explanation: "[It is true when x is greater than {n}.|For {n} itself the answer is false.]"),
        Snippet(
            task: "keeps the numbers below {n} of a list",
            swift: "func {f}(_ list: [Int]) -> [Int] {\n    return list.filter { $0 < {n} }\n}",
            python: "def {f}(items):\n    return [x for x in items if x < {n}]",
            explanation: "[Only numbers smaller than {n} stay in the list.|Numbers of {n} or more are left out.]"),
        Snippet(
            task: "counts how often {n} is in a list",
            swift: "func {f}(_ list: [Int]) -> Int {\n    return list.filter { $0 == {n} }.count\n}",
            python: "def {f}(items):\n    return items.count({n})",
            explanation: "[It counts the places where the value is {n}.|If {n} is not in the list, the result is 0.]"),
        Snippet(
            task: "repeats a text {n} times",
            swift: "func {f}(_ text: String) -> String {\n    return String(repeating: text, count: {n})\n}",
            python: "def {f}(text):\n    return text * {n}",
            explanation: "[The text is joined to itself, {n} times in all.|It returns {n} copies of the text in a row.]"
        ),
        Snippet(
            task: "returns the first {n} items of a list",
            swift: "func {f}(_ list: [Int]) -> [Int] {\n    return Array(list.prefix({n}))\n}",
            python: "def {f}(items):\n    return items[:{n}]",
            explanation: "[It takes the first {n} items.|A list with fewer than {n} items comes back whole.]"),
        Snippet(
            task: "checks if a number can be divided by {n}",
            swift: "func {f}(_ x: Int) -> Bool {\n    return x % {n} == 0\n}",
            python: "def {f}(x):\n    return x % {n} == 0",
            explanation:
                "[The remainder of x divided by {n} is 0 exactly then.|It is true for {n}, {timesTwo} and so on.]"),
    ]

    static func code(_ random: inout SeededRandom) -> Dialogue {
        let snippet = random.pick(snippets)
        let isSwift = random.chance(percent: 50)
        let name =
            random.pick(["change", "check", "apply", "work", "solve", "handle", "process", "compute", "run", "test"])
            + (isSwift
                ? random.pick(["Value", "Number", "Input", "Data"])
                : random.pick(["_value", "_number", "_input", "_data"]))
        let number = random.integer(2...30)
        func source(_ isSwift: Bool, _ name: String, _ number: Int) -> String {
            (isSwift ? snippet.swift : snippet.python)
                .split(separator: "{f}", omittingEmptySubsequences: false).joined(separator: name)
                .split(separator: "{n}", omittingEmptySubsequences: false).joined(separator: String(number))
        }
        let values: [String: any CustomStringConvertible] = [
            "language": isSwift ? "Swift" : "Python", "fence": isSwift ? "swift" : "python", "f": name, "n": number,
            "task": random.say(snippet.task, ["n": number]), "code": source(isSwift, name, number),
            "plusOne": number + 1,
            "timesTwo": number * 2,
        ]
        let question = random.say(
            "[Write a {language} function {f} that {task}.|I need a function {f} in {language} that {task}.|"
                + "In {language}, how do I write a function {f} that {task}?|"
                + "Please write {f} in {language}: it {task}.]",
            values)
        let answer = random.say("```{fence}\n{code}\n```\n", values) + random.say(snippet.explanation, values)
        var dialogue = Dialogue("\(snippet.task) \(isSwift) \(name) \(number)", question, answer)
        if random.chance(percent: 25) {
            let other = number + random.integer(1...9)
            dialogue.follow(
                random.say(
                    "[Use {o} instead of {n}.|Change {n} to {o}, please.|And with {o}?]", ["o": other, "n": number]),
                random.say(
                    "[With {o}|Now with {o}] it is:\n```{fence}\n{code}\n```",
                    ["o": other, "fence": isSwift ? "swift" : "python", "code": source(isSwift, name, other)]))
        }
        return dialogue
    }
}
