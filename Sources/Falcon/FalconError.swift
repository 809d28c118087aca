internal import FalconTensor
import Foundation

/// Something that cannot be done, in one line for a person: what, where, and how to fix it.
///
/// Every error that the library throws is one of these, but for `CancellationError`.
public struct FalconError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// The line.
    public let description: String

    /// The line, for callers that ask Foundation.
    public var errorDescription: String? { description }

    package init(_ description: String) { self.description = description }

    /// Words an error of any layer below.
    package init(_ error: any Error) {
        switch error {
        case let error as FalconError: self = error
        case let error as any LocalizedError: description = error.errorDescription ?? String(describing: error)
        case let error as CocoaError: description = error.localizedDescription
        default: description = String(describing: error)
        }
    }
}

/// Runs `work`, with every error but a cancellation as a `FalconError`.
func wordingErrors<Result>(_ work: () throws -> Result) throws -> Result {
    do { return try work() } catch let error as CancellationError { throw error } catch { throw FalconError(error) }
}
