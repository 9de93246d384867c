import Telemetry
package import WireProtocol

/// `/metrics`: the run in Prometheus' text format, version 0.0.4.
/// (https://prometheus.io/docs/instrumenting/exposition_formats/)
package struct PrometheusText {
    package private(set) var text = ""

    package init(_ snapshot: RunFeed.Snapshot, status: StatusReport?) {
        let last = snapshot.last
        gauge(
            "shoal_step", "Last step that all workers applied.",
            Double(status?.step ?? UInt64(last?.step ?? 0)))
        gauge(
            "shoal_total_steps", "Steps of the whole run; 0 where not known.", Double(status?.totalSteps ?? 0)
        )
        gauge("shoal_epoch", "Epochs behind the last step.", last?.epoch ?? 0)
        gauge("shoal_loss", "Mean loss of a supervised token in the last step, in nats.", last?.loss ?? .nan)
        gauge("shoal_gradient_norm", "Norm of the last gradient before clipping.", last?.gradientNorm ?? .nan)
        gauge("shoal_learning_rate", "Learning rate of the last step.", last?.learningRate ?? .nan)
        gauge(
            "shoal_tokens_per_second", "Tokens a second of all workers in the last step.",
            last?.tokensPerSecond ?? 0)
        gauge("shoal_step_seconds", "Wall time of the last step.", last?.stepSeconds ?? 0)
        gauge("shoal_compute_seconds", "Its longest compute time of a worker.", last?.computeSeconds ?? 0)
        gauge(
            "shoal_exposed_reduce_seconds", "Its time in which workers waited for the exchange alone.",
            last?.exposedReduceSeconds ?? 0)
        gauge(
            "shoal_peak_memory_bytes", "Peak resident memory of the largest worker.",
            Double(last?.peakResidentBytes ?? 0))
        counter("shoal_tokens_total", "Tokens trained on.", Double(snapshot.tokenCount))
        counter("shoal_wire_sent_bytes_total", "Bytes that workers sent.", snapshot.bytesSent)
        counter("shoal_wire_received_bytes_total", "Bytes that workers received.", snapshot.bytesReceived)
        counter("shoal_messages_dropped_total", "Messages dropped.", Double(last?.messagesDropped ?? 0))
        counter(
            "shoal_connections_refused_total", "Connections refused.", Double(last?.connectionsRefused ?? 0))
        if let evaluation = snapshot.evaluations.last {
            gauge("shoal_evaluation_loss", "Loss of the last evaluation.", evaluation.loss)
        }
        guard let status else { return }
        head("shoal_workers", "gauge", "Workers by state.")
        for state in MemberStatus.State.allCases {
            line("shoal_workers", [("state", state.word)], Double(status.members.count { $0.state == state }))
        }
        head("shoal_worker_micro_batches_per_second", "gauge", "Measured rate of a worker.")
        for member in status.members where member.state != .lost && member.state != .fetching {
            line(
                "shoal_worker_micro_batches_per_second",
                [("worker", "\(member.id)"), ("host", member.host)], member.leavesPerSecond)
        }
        let shares = status.members.compactMap(\.fetchedShare)
        gauge(
            "shoal_base_fetched_ratio",
            "Share of the base that workers have on average which fetch it; 1 where none does.",
            shares.isEmpty ? 1 : shares.reduce(0, +) / Double(shares.count))
    }

    private mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        head(name, "gauge", help)
        line(name, [], value)
    }

    private mutating func counter(_ name: String, _ help: String, _ value: Double) {
        head(name, "counter", help)
        line(name, [], value)
    }

    private mutating func head(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
        let written = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        let number =
            value.isNaN ? "NaN" : value.isInfinite ? (value > 0 ? "+Inf" : "-Inf") : value.description
        text += name + (written.isEmpty ? "" : "{\(written)}") + " \(number)\n"
    }

    /// A label's value: hosts are other people's words.
    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
