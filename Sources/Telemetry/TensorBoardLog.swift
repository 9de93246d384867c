import DurableFiles
public import Foundation

/// Scalars of each step as a TensorBoard event file.
///
/// An event file is a sequence of TFRecords (length, its checksum, data, its checksum; checksums are masked CRC-32C), each
/// an `Event` message of tensorflow/core/util/event.proto. Only the few fields that a scalar needs are written, so
/// the messages are put together here.
public final class TensorBoardLog: Sendable {
    private let file: FileHandle

    /// Begins a file in `directory`, which is created; a resumed run adds another, as TensorBoard expects.
    ///
    /// - Parameter startedAt: part of the file's name and of its first event.
    public init(directory: String, startedAt: Date = Date()) throws {
        try AtomicDirectory.createDirectory(directory)
        let seconds = Int(startedAt.timeIntervalSince1970)
        // A second start within one second gets a name of its own.
        var path = ""
        var number = 0
        repeat {
            path = "\(directory)/events.out.tfevents.\(seconds).shoal.\(getpid()).\(number)"
            number += 1
        } while FileManager.default.fileExists(atPath: path)
        guard FileManager.default.createFile(atPath: path, contents: nil) else {
            throw CocoaError(.fileWriteUnknown)
        }
        file = try FileHandle(forWritingTo: URL(filePath: path))
        var event = ProtobufMessage()
        event.add(1, startedAt.timeIntervalSince1970)
        event.add(3, "brain.Event:2")
        try file.write(contentsOf: Self.record(event.bytes))
    }

    /// Adds the scalars of a step.
    public func append(step: Int, _ scalars: [(tag: String, value: Double)], at time: Date = Date()) throws {
        var summary = ProtobufMessage()
        for scalar in scalars {
            var value = ProtobufMessage()
            value.add(1, scalar.tag)
            value.add(2, Float(scalar.value))
            summary.add(1, value)
        }
        var event = ProtobufMessage()
        event.add(1, time.timeIntervalSince1970)
        event.add(2, UInt64(step))
        event.add(5, summary)
        try file.write(contentsOf: Self.record(event.bytes))
    }

    /// Adds what a chart of training shows.
    public func append(_ record: StepRecord) throws {
        try append(
            step: record.step,
            [
                ("train/loss", record.loss), ("train/grad_norm", record.gradientNorm),
                ("train/learning_rate", record.learningRate), ("train/epoch", record.epoch),
                ("speed/tokens_per_second", record.tokensPerSecond),
                ("speed/step_seconds", record.stepSeconds), ("speed/compute_seconds", record.computeSeconds),
                ("speed/exposed_reduce_seconds", record.exposedReduceSeconds),
                ("cluster/workers", Double(record.workerCount)),
                ("cluster/wire_bytes_sent", Double(record.wireBytesSent)),
                ("cluster/peak_rss_bytes", Double(record.peakResidentBytes)),
            ])
    }

    /// Adds an evaluation.
    public func append(_ record: EvaluationRecord) throws {
        try append(
            step: record.step,
            [("eval/loss", record.loss)]
                + [
                    ("eval/choice_accuracy", record.choiceAccuracy), ("eval/exact_match", record.exactMatch),
                    ("eval/accuracy", record.classes?.accuracy), ("eval/macro_f1", record.classes?.macroF1),
                ]
                .compactMap { tag, value in value.map { (tag, $0) } })
    }

    private static func record(_ data: [UInt8]) -> [UInt8] {
        let length = bytes(of: UInt64(data.count))
        return length + bytes(of: masked(length)) + data + bytes(of: masked(data))
    }

    /// As tensorflow/core/lib/hash/crc32c.h masks it, so that a checksum of data with checksums inside is sound.
    private static func masked(_ data: [UInt8]) -> UInt32 {
        let checksum = CRC32C.of(data)
        return ((checksum >> 15) | (checksum << 17)) &+ 0xa282_ead8
    }

    fileprivate static func bytes(of value: some FixedWidthInteger) -> [UInt8] {
        (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}

/// A Protocol Buffers message in the making. (https://protobuf.dev/programming-guides/encoding)
private struct ProtobufMessage {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ field: UInt64, _ value: Double) {
        varint(field << 3 | 1)
        bytes += TensorBoardLog.bytes(of: value.bitPattern)
    }

    mutating func add(_ field: UInt64, _ value: Float) {
        varint(field << 3 | 5)
        bytes += TensorBoardLog.bytes(of: value.bitPattern)
    }

    mutating func add(_ field: UInt64, _ value: UInt64) {
        varint(field << 3)
        varint(value)
    }

    mutating func add(_ field: UInt64, _ value: String) { add(field, Array(value.utf8)) }

    mutating func add(_ field: UInt64, _ value: ProtobufMessage) { add(field, value.bytes) }

    private mutating func add(_ field: UInt64, _ value: [UInt8]) {
        varint(field << 3 | 2)
        varint(UInt64(value.count))
        bytes += value
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
