import Adapters
import ArgumentParser
import Bases
import Checkpoints
import Cluster
import Comparison
import Configurations
import Dashboard
import Datasets
import DurableFiles
import FaultPoints
import Foundation
import Glibc
import Hub
import Lab
import Tokenizers
import Training
import Transformers
import Transports
import WeightFiles
import ZeroMQ

/// Exit statuses, after sysexits.h.
enum ExitStatus {
    static let usage: Int32 = 64
    static let badData: Int32 = 65
    static let unavailable: Int32 = 69
    static let internalError: Int32 = 70
    static let inputOutput: Int32 = 74
    static let interrupted: Int32 = 75

    /// Ends the process: help and usage errors as ArgumentParser words them, everything else as one line on
    /// stderr with the status that fits.
    static func end(with error: any Error) -> Never {
        if let ending = error as? CommandEnding {
            if let message = ending.message { StandardError.write("shoal: \(message)\n") }
            exit(ending.status)
        }
        guard let status = status(of: error) else {
            if let help = HelpText.arranged(for: error) {
                StandardOutput.write(help)
                exit(0)
            }
            Shoal.exit(withError: error)
        }
        StandardError.write("shoal: error: \(error)\n")
        exit(status)
    }

    /// The status of an error of our own; nil for those of ArgumentParser.
    static func status(of error: any Error) -> Int32? {
        switch error {
        case let error as ConfigurationError: error.exitStatus
        case let error as DatasetError: error.exitStatus
        case let error as DurableFileError:
            switch error.code {
            case .locked: unavailable
            case .exists: usage
            default: inputOutput
            }
        case let error as WeightFileError:
            [.io, .notFound, .truncated, .changed].contains(error.code) ? inputOutput : badData
        case let error as BaseError: error.code == .notFound ? inputOutput : badData
        case let error as HubError:
            [.unavailable, .offline].contains(error.code) ? unavailable : badData
        case let error as CheckpointError:
            switch error.code {
            case .exists: usage
            case .notARun: inputOutput
            case .superseded: unavailable
            default: badData
            }
        case is FaultError: usage
        case let error as TransportError:
            error.cause?.code == .invalidKey || error.code == .configuration ? badData : inputOutput
        case let error as ZMQError: error.code == .invalidKey ? badData : inputOutput
        case let error as ClusterError:
            switch error.code {
            case .address: inputOutput
            case .unreachable: unavailable
            default: badData
            }
        case is ClusterKeyError: badData
        case is DashboardError: inputOutput
        case let error as ComparisonError: error.code == .usage ? usage : badData
        case let error as LabError:
            switch error.code {
            case .invalid, .presence: usage
            case .notRoot, .unavailable, .refused: unavailable
            }
        case let error as TrainingError: error.code == .doesNotFit ? unavailable : badData
        case is AdapterError, is TokenizerError, is TransformerError: badData
        case is ValidationError, is ExitCode, is CleanExit: nil
        case let error where String(reflecting: type(of: error)).hasPrefix("ArgumentParser"): nil
        default: internalError
        }
    }
}

/// How a command ends that went as far as it could: a status, and a last word on stderr.
struct CommandEnding: Error {
    var status: Int32
    var message: String?
}
