import FalconTensor
import FalconWeights
import Foundation

/// Where the golden data of the tests lies.
package enum Fixtures {
    /// The root of this checkout.
    package static let repository: String = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// `Tests/Fixtures` of this checkout: small files that every checkout has.
    package static let folder = repository + "/Tests/Fixtures"

    /// The folder with the large shared fixtures, targets and data sets, where the environment variable
    /// `FALCON_SHARED` names one.
    package static let shared: String? = {
        guard let path = ProcessInfo.processInfo.environment["FALCON_SHARED"], !path.isEmpty else { return nil }
        return path
    }()

    /// The shared folder, or `nil` after one line that says which test is left out.
    package static func sharedFolder(skipping test: String = #function) -> String? {
        if shared == nil { print("left out without FALCON_SHARED: \(test)") }
        return shared
    }

    /// The full path of a fixture: `path` itself where it is absolute, else inside `folder`.
    package static func path(_ path: String) -> String { path.hasPrefix("/") ? path : folder + "/" + path }

    /// All tensors of real numbers of a safetensors file, widened to float32. Tensors of whole numbers are left out.
    package static func tensors(_ path: String) throws -> [String: Tensor] {
        let file = try SafetensorsFile(path: Fixtures.path(path))
        var tensors: [String: Tensor] = [:]
        for name in file.names where file.stored(name)?.type.isFloatingPoint == true {
            tensors[name] = try file.tensor(name)
        }
        return tensors
    }

    /// All tensors of whole numbers of a safetensors file, in row-major order. Others are left out.
    package static func integers(_ path: String) throws -> [String: [Int64]] {
        let file = try SafetensorsFile(path: Fixtures.path(path))
        var integers: [String: [Int64]] = [:]
        for name in file.names where file.stored(name)?.type.isFloatingPoint == false {
            integers[name] = try file.integers(name)
        }
        return integers
    }

    /// The shape of each tensor of a safetensors file, of whole numbers too.
    package static func shapes(_ path: String) throws -> [String: [Int]] {
        let file = try SafetensorsFile(path: Fixtures.path(path))
        return Dictionary(
            uniqueKeysWithValues: file.names.compactMap { name in
                file.stored(name).map { (name, $0.shape) }
            })
    }

    /// The names of the files and folders in a folder, sorted.
    package static func contents(of path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: Fixtures.path(path)).sorted()
    }
}
