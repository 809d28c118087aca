/// Weekdays, dates and the plan of a day.
enum CalendarTasks {
    static func dates(_ random: inout SeededRandom) -> Dialogue {
        random.chance(percent: 50) ? weekday(&random) : dayOfMonth(&random)
    }

    private static func weekday(_ random: inout SeededRandom) -> Dialogue {
        let start = random.integer(0...6)
        let days = random.integer(2...30)
        let forward = random.chance(percent: 75)
        let end = (start + (forward ? days : -days) + 70) % 7
        let (weeks, rest) = (days / 7, days % 7)
        let event = random.pick(["the exam", "the concert", "the trip", "the party", "the match", "the visit"])
        let values: [String: any CustomStringConvertible] = [
            "today": Words.weekdays[start], "n": days, "end": Words.weekdays[end], "weeks": weeks, "rest": rest,
            "full": 7 * weeks,
            "event": event,
        ]
        let question = random.say(
            forward
                ? "[Today is {today}. [What day is it|Which weekday is it] in {n} days?|"
                    + "It is {today} and {event} is in {n} days. [On what day is that?|Which weekday is it on?]]"
                : "[Today is {today}. [What day was it|Which weekday was it] {n} days ago?|"
                    + "It is {today}, and {event} was {n} days ago. On what day was it?]", values)
        let direction = forward ? "after" : "before"
        let step: String
        switch (weeks, rest) {
        case (0, _):
            step = "[Counting {n} days|Going {n} days] \(forward ? "on" : "back") from {today} [gives|leads to] {end}."
        case (_, 0):
            step =
                "{n} days are exactly \(counted(weeks, Noun("week"))), so [the weekday stays the same|"
                + "it is the same weekday]: {end}."
        default:
            step =
                "{n} days are \(counted(weeks, Noun("week"))) and \(counted(rest, Noun("day"))). "
                + "[After whole weeks it is {today} again|Whole weeks change nothing], and "
                + "\(counted(rest, Noun("day"))) \(direction) {today} is {end}."
        }
        var dialogue = Dialogue("\(start) \(forward ? days : -days) \(event)", question, random.say(step, values))
        if random.chance(percent: 25) {
            dialogue.follow(
                random.say("[And one day later?|What about the day after that?|And the next day?]"),
                random.say(
                    "[The day after {end} is|One day later it is] {next}.",
                    ["end": Words.weekdays[end], "next": Words.weekdays[(end + 1) % 7]]))
        }
        return dialogue
    }

    private static func dayOfMonth(_ random: inout SeededRandom) -> Dialogue {
        let month = random.integer(0...11)
        let (name, length) = Words.months[month]
        let start = random.integer(1...length)
        let days = random.integer(3...20)
        let values: [String: any CustomStringConvertible] = [
            "m": name, "d": start, "n": days, "sum": start + days, "len": length,
            "next": Words.months[(month + 1) % 12].name,
            "rest": start + days - length,
        ]
        let question = random.say(
            "[What is the date {n} days after {m} {d}?|Today is {m} {d}. What date is it in {n} days?|"
                + "A parcel is sent on {m} {d} and takes {n} days. When does it arrive?|Add {n} days to {m} {d}.]",
            values)
        let answer = random.say(
            start + days <= length
                ? "{d} + {n} = {sum}, and {m} has {len} days, so [it is {m} {sum}|the date is {m} {sum}]."
                : "{d} + {n} = {sum}, but {m} has [only |]{len} days. {sum} - {len} = {rest}, so [it is|"
                    + "the date is] {next} {rest}.",
            values)
        return Dialogue("\(name) \(start) \(days)", question, answer)
    }

    private static let duties: [String] = [
        "the call", "lunch", "the dentist", "the meeting", "swimming", "the piano lesson", "the walk", "the bus",
        "shopping",
        "the visit", "the choir", "dinner",
    ]

    static func schedule(_ random: inout SeededRandom) -> Dialogue {
        let count = random.integer(3...4)
        let hours = random.pick(count, from: Array(8...20)).sorted()
        let plan = zip(hours, random.pick(count, from: duties)).map {
            (time: "\($0):\(random.pick(["00", "15", "30"]))", duty: $1)
        }
        let shown = plan.map { "\($0.time) \($0.duty)" }.joined(separator: random.pick([", ", "\n", "; "]))
        let person = random.pick(Words.people)
        let place = random.integer(1...(count - 1))
        let values: [String: any CustomStringConvertible] = [
            "plan": shown, "who": person.name, "a": plan[place - 1].duty, "b": plan[place].duty, "tb": plan[place].time,
            "first": plan[0].duty, "tf": plan[0].time, "last": plan[count - 1].duty, "tl": plan[count - 1].time,
            "n": count,
        ]
        let asked: [(question: String, answer: String)] = [
            (
                random.say("[What comes after {a}?|What does {who} do after {a}?]", values),
                random.say("After {a} comes {b}, at {tb}[.|, as the plan shows.]", values)
            ),
            (
                random.say("[When is {b}?|At what time is {b}?]", values),
                random.say("{^b} is at {tb}[.|, right after {a}.]", values)
            ),
            (
                random.say("[How does the day start and end?|What is first and what is last?]"),
                random.say(
                    "[The day starts with {first} at {tf} and ends with|First comes {first} at {tf}, last] "
                        + "{last} at {tl}.",
                    values)
            ),
            (
                random.say("[How many things are planned?|How many entries does the plan have?]"),
                random.say(
                    "[There are {n} things|The plan has {n} entries]: {list}.",
                    ["n": count, "list": listed(plan.map(\.duty))])
            ),
        ]
        let order = random.shuffled(Array(asked.indices))
        var dialogue = Dialogue(
            shown,
            random.say("[{who}'s day|The plan of {who}|Plan for {who}]: {plan}\n", values) + asked[order[0]].question,
            asked[order[0]].answer)
        if random.chance(percent: 35) { dialogue.follow(asked[order[1]].question, asked[order[1]].answer) }
        return dialogue
    }
}
