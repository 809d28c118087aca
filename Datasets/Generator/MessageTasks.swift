/// Short e-mails with a given purpose, day, time and place, and changes to them.
enum MessageTasks {
    private static let purposes: [(task: String, body: String)] = [
        (
            "invite {to} to a dinner",
            "[I would like to invite you to dinner on {day} at {time}.|"
                + "Would you like to come to dinner on {day} at {time}?] We meet at {place}."
        ),
        (
            "move our meeting",
            "[I have to move our meeting.|"
                + "Something came up, so our meeting must move.] Could we meet on {day} at {time} at {place} instead?"
        ),
        (
            "thank {to} for the help",
            "[Thank you for your help at {place} on {day}.|"
                + "Your help on {day} at {place} was wonderful.] Without you I would not have been done by {time}."
        ),
        (
            "ask {to} for the report",
            "[Could you please send me the report|"
                + "I still need the report; please send it] by {day}, {time}? I need it for the talk at {place}."
        ),
        (
            "say that I will be late",
            "[I am sorry, but I will be late on {day}.|"
                + "Unfortunately I cannot be on time on {day}.] I should be at {place} at {time}."
        ),
        (
            "confirm an appointment",
            "[I confirm our appointment on {day} at {time}.|"
                + "{^day} at {time} suits me well.] [I will wait for you at {place}.|See you at {place}.]"
        ),
    ]

    static func email(_ random: inout SeededRandom) -> Dialogue {
        let names = random.pick(2, from: Words.names)
        let purpose = random.pick(purposes)
        let place = random.pick(Words.places)
        var day = random.pick(Words.weekdays)
        var time = "\(random.integer(7...20)):\(random.pick(["00", "15", "30", "45"]))"
        let (opening, closing) = (
            random.pick(["Dear", "Hello", "Hi"]),
            random.pick(["Best wishes", "Kind regards", "Yours", "See you soon"])
        )
        let body = random.say(purpose.body, ["day": "{day}", "time": "{time}", "place": place])
        func text(_ random: inout SeededRandom) -> String {
            random.say(
                "{o} {to},\n{body}\n{c},\n{from}",
                [
                    "o": opening, "to": names[0], "from": names[1], "c": closing,
                    "body": capitalised(random.say(body, ["day": day, "time": time])),
                ])
        }
        let values: [String: any CustomStringConvertible] = [
            "to": names[0], "from": names[1], "day": day, "time": time, "place": place,
            "task": random.say(purpose.task, ["to": names[0]]),
        ]
        let question = random.say(
            "[Write|Please write|Write me] [a short e-mail|a short message|"
                + "an e-mail] to {to}: {task}. [Day: {day}, time: {time}, place: {place}.|"
                + "{^day}, {time}, {place}.|It is about {day}, {time}, {place}.] [Signed by {from}.|From {from}.]",
            values)
        var dialogue = Dialogue(
            "\(names[0]) \(names[1]) \(purpose.task) \(day) \(time) \(place)", question, text(&random))
        if random.chance(percent: 40) {
            if random.chance(percent: 50) {
                day = random.pick(Words.weekdays.filter { $0 != day })
                dialogue.follow(
                    random.say("[Make it {day}.|Change the day to {day}, please.|Better {day}.]", ["day": day]),
                    text(&random))
            } else {
                time = "\(random.integer(7...20)):10"
                dialogue.follow(
                    random.say(
                        "[Change the time to {time}.|Better at {time}.|Make it {time}, please.]", ["time": time]),
                    text(&random))
            }
        }
        return dialogue
    }
}
