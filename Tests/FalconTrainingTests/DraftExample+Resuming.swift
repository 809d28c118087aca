import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

extension DraftExample {
    /// Trains eight steps, and again with a stop after the third: both end with the same bits, and have learned.
    ///
    /// - Parameter recipe: of eight steps, with a checkpoint every third.
    /// - Returns: the run that was not stopped: its folder and its records.
    @discardableResult
    func expectResumes(_ recipe: Recipe) throws -> (folder: String, records: [MetricRecord]) {
        let (whole, parts) = (temporary.file("whole"), temporary.file("parts"))
        let records = try train(recipe, whole)
        try train(recipe, parts, stopAfter: 3)
        try train(recipe, parts, resume: true)
        for name in ["model.safetensors", "optimizer.safetensors", "state.json"] {
            let path = "/step-000008/" + name
            #expect(FileManager.default.contentsEqual(atPath: whole + path, andPath: parts + path), "\(name)")
        }
        let losses = records.compactMap { $0.number("loss") }
        #expect(losses.count == 8 && losses[7] < losses[0])
        return (whole, records)
    }
}
