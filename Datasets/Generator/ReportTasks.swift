/// Longer answers, three to five sentences from notes: weather, lives, days out and reviews.
enum ReportTasks {
    static func weather(_ random: inout SeededRandom) -> Dialogue {
        let city = random.pick(Words.cities)
        let day = random.integer(0...6)
        let (low, rise) = (random.integer(2...18), random.integer(3...14))
        let sky = random.pick(["sunny", "cloudy", "rainy", "foggy", "stormy", "clear"])
        let tomorrow = random.pick(["sunny", "cloudy", "rainy", "foggy", "stormy", "clear"].filter { $0 != sky })
        let wind = random.pick(["north", "south", "east", "west"])
        let advice: [String: String] = [
            "sunny": "[Do not forget a hat.|It is a good day for a walk.]",
            "cloudy": "[A light jacket will do.|It should stay dry all day.]",
            "rainy": "[Take an umbrella with you.|Boots are a good idea.]",
            "foggy": "[Please drive slowly.|Leave a little earlier than usual.]",
            "stormy": "[It is better to stay inside.|Close the windows before you leave.]",
            "clear": "[The night will be good for looking at the stars.|Enjoy the blue sky.]",
        ]
        let values: [String: any CustomStringConvertible] = [
            "city": city, "day": Words.weekdays[day], "low": low, "high": low + rise, "sky": sky, "wind": wind,
            "tomorrow": tomorrow, "next": Words.weekdays[(day + 1) % 7],
        ]
        let question = random.say(
            "[Write a weather report|Turn these notes into a weather report|I need a short weather report]. "
                + "City: {city}. Day: {day}. Sky: {sky}. From {low} to {high} degrees. Wind: {wind}. "
                + "Next day: {tomorrow}.",
            values)
        let answer =
            random.say(
                "[Here is the weather for {city} on {day}.|{^day} in {city} will be {sky}.|"
                    + "Good morning, {city}! This {day} will be {sky}.] "
                    + "[The temperature rises from {low} to {high} degrees|"
                    + "It will be {low} degrees in the morning and {high} in the afternoon], "
                    + "[with a wind from the {wind}|and the wind comes from the {wind}]. ", values)
            + random.say(advice[sky] ?? "")
            + random.say(" [On {next} it will be {tomorrow}.|For {next} we expect a {tomorrow} day.]", values)
        var dialogue = Dialogue("\(city) \(day) \(low) \(rise) \(sky) \(wind)", question, answer)
        if random.chance(percent: 30) {
            if random.chance(percent: 50) {
                dialogue.follow(
                    random.say("[How much warmer does it get during the day?|By how many degrees does it rise?]"),
                    random.say(
                        "From {low} to {high} degrees it [rises|gets warmer] by {high} - {low} = {d} degrees.",
                        values.merging(["d": rise]) { old, _ in old }))
            } else {
                dialogue.follow(
                    random.say(
                        "[And what about {next}?|What will {next} be like?|Do I need an umbrella on {next}?]", values),
                    random.say("On {next} it will be {tomorrow}[.| in {city}.] ", values)
                        + random.say(advice[tomorrow] ?? ""))
            }
        }
        return dialogue
    }

    static func biography(_ random: inout SeededRandom) -> Dialogue {
        let person = random.pick(Words.people)
        let family = random.pick([
            "Aldane", "Brook", "Castel", "Dorn", "Engel", "Farrow", "Gallo", "Hemming", "Iversen", "Jarvis",
        ])
        let cities = random.pick(2, from: Words.cities)
        let job = random.pick(Words.jobs)
        let work = random.pick([
            "a book about birds", "a garden for children", "a new kind of bread", "a map of the coast",
            "a school by the sea",
            "a song for the harbour", "a clock without hands", "a bridge of ropes",
        ])
        let (born, age) = (random.integer(1820...1960), random.integer(19...34))
        let values: [String: any CustomStringConvertible] = [
            "who": person.name, "family": family, "they": person.subject, "their": person.possessive, "from": cities[0],
            "to": cities[1], "job": withArticle(job), "work": work, "born": born, "moved": born + age, "age": age,
        ]
        let question = random.say(
            "[Write a short life of|Write a few sentences about the life of|Tell me about the life of] {who} {family}. "
                + "Born: {born} in {from}. Job: {job}. Moved to {to}: {moved}. Known for: {work}.", values)
        let answer = random.say(
            "[{who} {family} was born in {from} in {born}.|In {born}, {who} {family} was born in {from}.] "
                + "[{^they} worked as {job}|{^they} became {job}] and moved to {to} in {moved}, "
                + "[when {they} was {age} years old|at the age of {age}]. "
                + "[Today {who} is known for {work}.|{who} {family} became famous for {work}.|"
                + "People still remember {who} for {work}.]",
            values)
        var dialogue = Dialogue("\(person.name) \(family) \(born) \(cities) \(job)", question, answer)
        if random.chance(percent: 30) {
            if random.chance(percent: 50) {
                dialogue.follow(
                    random.say("[How old was {who} when {they} moved?|At what age did {who} move to {to}?]", values),
                    random.say(
                        "{who} moved in {moved} and was born in {born}, so {they} was {moved} - {born} = {age} "
                            + "years old.",
                        values))
            } else {
                dialogue.follow(
                    random.say("[Sum it up in one sentence.|Shorter, please.|Say that in one sentence.]"),
                    random.say("{who} {family}, {job} from {from}, is known for {work}.", values))
            }
        }
        return dialogue
    }

    /// Where a day can lead, and what there is to do.
    private static let sights: [String: [String]] = [
        "the library": ["look at old maps", "read the news"], "the harbour": ["draw the boats", "feed the gulls"],
        "the market": ["buy fresh fruit", "taste the cheese"], "the old school": ["hear the choir", "see a play"],
        "the garden": ["feed the ducks", "rest in the shade"], "the station": ["meet a guide", "take photos"],
        "the workshop": ["make a candle", "learn to weave"], "the museum": ["see the paintings", "look at coins"],
        "the town hall": ["climb the tower", "hear the bells"], "the bakery": ["drink tea", "try the cakes"],
    ]

    static func dayOut(_ random: inout SeededRandom) -> Dialogue {
        let city = random.pick(Words.cities)
        let stops = random.pick(3, from: sights.keys.sorted())
        let things = stops.map { random.pick(sights[$0] ?? []) }
        let hour = random.integer(8...11)
        let values: [String: any CustomStringConvertible] = [
            "city": city, "a": stops[0], "b": stops[1], "c": stops[2], "ta": things[0], "tb": things[1],
            "tc": things[2],
            "h": hour, "lunch": hour + 3, "end": hour + 8,
        ]
        let question = random.say(
            "[Plan a day in {city}.|Make a plan for one day in {city}.|I have one day in {city}. What can I do?] "
                + "[Start at {h}:00.|It starts at {h}:00.] Stops: {a} ({ta}), {b} ({tb}), {c} ({tc}).", values)
        let answer = random.say(
            "[Start your day in {city} at {h}:00 at {a}, where you can {ta}.|"
                + "At {h}:00 you begin at {a}: there you {ta}.] "
                + "[Around {lunch}:00 go on to {b}|By {lunch}:00 you reach {b}] [to {tb}|and {tb}]. "
                + "[In the afternoon {c} is waiting; there you can {tc}.|In the afternoon you {tc} at {c}.] "
                + "[At {end}:00 the day is over.|You will be back at {end}:00.]", values)
        var dialogue = Dialogue("\(city) \(stops) \(things) \(hour)", question, answer)
        if random.chance(percent: 30) {
            if random.chance(percent: 50) {
                dialogue.follow(
                    random.say("[What do I do at {b}?|And what was planned at {b}?]", values),
                    random.say(
                        "At {b} you can {tb}. [Be there at about {lunch}:00.|That is planned for {lunch}:00.]", values))
            } else {
                dialogue.follow(
                    random.say("[I cannot go to {c}.|Please leave out {c}.|{^c} is closed.]", values),
                    random.say(
                        "[Then the plan is shorter|"
                            + "Without {c} it is]: first {a} at {h}:00 to {ta}, then {b} at {lunch}:00 to {tb}.",
                        values))
            }
        }
        return dialogue
    }

    static func review(_ random: inout SeededRandom) -> Dialogue {
        let product =
            random.pick(["Lumo", "Brisa", "Kettro", "Vento", "Piko", "Solva", "Nimbo", "Tiko"]) + " "
            + random.pick(["lamp", "fan", "kettle", "robot", "clock", "speaker", "heater", "radio"])
        let good = random.pick(
            2,
            from: [
                "it is quiet", "it is easy to clean", "it works fast", "it looks nice", "it needs little power",
                "it is very light",
            ])
        let bad = random.pick([
            "the cable is short", "the manual is hard to read", "the lid does not close well",
            "the button is too small", "it gets warm", "the light is too bright",
        ])
        let (stars, weeks, price) = (random.integer(2...5), random.integer(2...9), random.integer(15...95))
        let values: [String: any CustomStringConvertible] = [
            "p": product, "g": good[0], "h": good[1], "b": bad, "s": stars, "w": weeks, "price": price,
            "verdict": stars >= 4 ? "I would buy it again" : "I would look for another one",
        ]
        let question = random.say(
            "[Write a review of|Please review|"
                + "I need a short review of] the {p}. Price: {price} euros. Used for {w} weeks. "
                + "Good: {g}, {h}. Bad: {b}. Stars: {s} of 5.", values)
        let answer = random.say(
            "[I have used the {p} for {w} weeks.|After {w} weeks with the {p} I can say this.|"
                + "I bought the {p} {w} weeks ago for {price} euros.] "
                + "[What I like: {g}, and {h}.|On the good side, {g} and {h}.] "
                + "[Sadly {b}.|But {b}.|The only problem is that {b}.] "
                + "[I give it {s} of 5 stars; {verdict}.|{s} of 5 stars from me, and {verdict}.]", values)
        var dialogue = Dialogue("\(product) \(good) \(bad) \(stars) \(weeks)", question, answer)
        if random.chance(percent: 30) {
            switch random.integer(0...1) {
            case 0:
                dialogue.follow(
                    random.say("[What is bad about it?|And the bad side?|What was the problem?]"),
                    random.say("[The problem is that {b}.|Only one thing: {b}.]", values))
            default:
                dialogue.follow(
                    random.say("[Sum it up.|Make it one sentence.|Shorter, please.]"),
                    random.say("The {p}: {g}, but {b}; {s} of 5 stars.", values))
            }
        }
        return dialogue
    }
}
