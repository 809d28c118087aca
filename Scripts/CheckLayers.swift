// Proves the layers of docs/architecture.md: a file imports only what its target declares in Package.swift, and only
// the two homes of unsafe memory touch C or pointers. Reads the output of `swift package dump-package`.
import Foundation

struct PackageDescription: Decodable {
    struct Target: Decodable {
        let name: String
        let type: String
        let path: String?
        let dependencies: [Dependency]
    }

    /// `{"byName": ["FalconTensor", null]}` or `{"product": ["ArgumentParser", "swift-argument-parser", null, null]}`.
    struct Dependency: Decodable {
        let name: String

        init(from decoder: any Decoder) throws {
            let kinds = try decoder.singleValueContainer().decode([String: [Part?]].self)
            name = kinds.values.first?.first??.text ?? ""
        }
    }

    /// A part is a name or, for conditional dependencies, an object that does not matter here.
    struct Part: Decodable {
        let text: String?

        init(from decoder: any Decoder) throws {
            text = try? decoder.singleValueContainer().decode(String.self)
        }
    }

    let targets: [Target]
}

/// FalconCluster hands memory to MPI; the last is a tool of development that libFuzzer calls back with C's pointers.
let homesOfUnsafeMemory: Set<String> = ["FalconTensor", "FalconShards", "FalconCluster", "falcon-fuzz"]

/// Only commands may change their process: set handlers of signals, start themselves again.
let homesOfProcess: [String: Set<String>] = ["CFalconProcess": ["FalconCommandSupport"]]

/// What a library must not do to its host. `CommandProcess` and `Interruption` are the commands' own.
func changesProcess(_ text: Substring) -> Bool {
    text.contains(/(?:^|[^.\w])(?:sigaction|signal|execve)\s*\(|preinit_array|__attribute__\(\(constructor/)
}

/// What the imports of the whole package are judged by.
struct Modules {
    /// Every target and product that Package.swift names.
    let known: Set<String>
    /// The system libraries and our own C target.
    let foreign: Set<String>

    init(_ package: PackageDescription) {
        foreign = Set(package.targets.map(\.name).filter { $0.hasPrefix("C") && $0 != "CommandTests" })
        known = Set(package.targets.map(\.name) + package.targets.flatMap { $0.dependencies.map(\.name) })
    }

    /// One line for each import or use of unsafe memory in `file` that `target` must not have.
    func problems(in file: String, of target: PackageDescription.Target) -> [String] {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return ["\(file): cannot be read"] }
        let declared = Set(target.dependencies.map(\.name))
        let mayTouchMemory = homesOfUnsafeMemory.contains(target.name) || target.type == "test"
        var problems: [String] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let place = "\(file):\(index + 1)"
            if let match = line.firstMatch(
                of: /^\s*(?:@\w+\s+)*(?:(\w+) )?import (?:(?:struct|class|enum|func) )?(\w+)/)
            {
                let module = String(match.2)
                if known.contains(module), !declared.contains(module) {
                    problems.append("\(place): \(target.name) imports \(module) without declaring it")
                }
                let isOwn = homesOfProcess[module]?.contains(target.name) ?? false
                if foreign.contains(module), !mayTouchMemory, !isOwn {
                    problems.append("\(place): \(target.name) imports the C module \(module) past its wrapper")
                }
                if foreign.contains(module), target.type != "test", match.1 != "internal" {
                    problems.append("\(place): a C module is imported with `internal import`")
                }
            } else if target.type != "test", target.name != "FalconCommandSupport", changesProcess(line) {
                problems.append("\(place): signals and processes are the commands' own, FalconCommandSupport's")
            } else if !mayTouchMemory, line.contains(/\bUnsafe\w*Pointer\b|\bwithUnsafe\w+/) {
                problems.append("\(place): unsafe memory outside FalconTensor and FalconShards")
            }
        }
        return problems
    }
}

/// The numbers that docs/architecture.md gives to targets, in tables whose rows begin with a number and names in code.
func layers(in page: String) -> [String: Int] {
    var layers: [String: Int] = [:]
    for row in page.split(separator: "\n") {
        guard let match = row.firstMatch(of: /^\| (\d+|T) \| (`[^|]*) \|/) else { continue }
        // What is for tests and development stands above all else.
        for name in match.2.matches(of: /`([\w-]+)`/) { layers[String(name.1)] = Int(match.1) ?? .max }
    }
    return layers
}

guard CommandLine.arguments.count == 2, let json = FileManager.default.contents(atPath: CommandLine.arguments[1]) else {
    print("usage: check-layers PACKAGE.json, from `swift package dump-package`")
    exit(64)
}
let package = try JSONDecoder().decode(PackageDescription.self, from: json)
let modules = Modules(package)
var problems: [String] = []
let page = "docs/architecture.md"
let numbers = layers(in: (try? String(contentsOfFile: page, encoding: .utf8)) ?? "")
for target in package.targets where target.type != "test" {
    guard let number = numbers[target.name] else {
        problems.append("\(page): \(target.name) has no row with its layer")
        continue
    }
    for dependency in target.dependencies.map(\.name) where number < .max && !modules.foreign.contains(target.name) {
        guard let other = numbers[dependency], other >= number else { continue }
        problems.append("\(page): \(target.name) in layer \(number) depends on \(dependency) in layer \(other)")
    }
}
for target in package.targets {
    for (module, homes) in homesOfProcess where !homes.contains(target.name) {
        guard target.dependencies.contains(where: { $0.name == module }) else { continue }
        problems.append(
            "Package.swift: \(target.name) depends on \(module), which \(homes.joined(separator: ", ")) alone may"
        )
    }
}
for target in package.targets where modules.foreign.contains(target.name) && homesOfProcess[target.name] == nil {
    let folder = "Sources/" + target.name
    let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    for file in files.sorted() where file.hasSuffix(".c") || file.hasSuffix(".h") {
        let text = (try? String(contentsOfFile: folder + "/" + file, encoding: .utf8)) ?? ""
        if changesProcess(text[...]) {
            problems.append("\(folder)/\(file): signals and processes are CFalconProcess's alone")
        }
    }
}
for target in package.targets where !modules.foreign.contains(target.name) {
    let folder = target.path ?? (target.type == "test" ? "Tests/" : "Sources/") + target.name
    let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    for file in files.sorted() where file.hasSuffix(".swift") {
        problems += modules.problems(in: folder + "/" + file, of: target)
    }
}
problems.forEach { print($0) }
exit(problems.isEmpty ? 0 : 1)
