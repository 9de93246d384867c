import CMessages

extension MessagePacking {
    static func statusReport(
        _ value: StatusReport, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__StatusReport> {
        let members = unsafe value.members.map { member in
            unsafe Optional(
                arena.make(shoal__member_status__init) { (message: inout Shoal__MemberStatus) in
                    unsafe message.id = member.id
                    unsafe message.host = arena.text(member.host)
                    unsafe message.process_id = member.processID
                    unsafe message.thread_count = member.threadCount
                    unsafe message.state = Shoal__MemberState(rawValue: member.state.rawValue)
                    unsafe message.seconds_bits = member.seconds.bitPattern
                    unsafe message.leaves_per_second_bits = member.leavesPerSecond.bitPattern
                    unsafe message.remark = arena.clippedText(member.remark)
                    unsafe message.fetched_byte_count = member.fetchedByteCount
                    unsafe message.base_byte_count = member.baseByteCount
                })
        }
        return unsafe arena.make(shoal__status_report__init) {
            unsafe $0.phase = arena.text(value.phase)
            unsafe $0.step = value.step
            unsafe $0.total_steps = value.totalSteps
            unsafe $0.generation = value.generation
            unsafe $0.loss_bits = value.loss.bitPattern
            unsafe $0.tokens_per_second_bits = value.tokensPerSecond.bitPattern
            unsafe $0.step_seconds_bits = value.stepSeconds.bitPattern
            unsafe $0.bytes_sent = value.bytesSent
            unsafe $0.bytes_received = value.bytesReceived
            unsafe $0.n_members = members.count
            unsafe $0.members = arena.array(members)
        }
    }

    static func statusReport(_ body: Shoal__StatusReport) throws(WireProtocolError) -> StatusReport {
        var members: [MemberStatus] = []
        for index in unsafe 0..<body.n_members {
            let member = try unsafe present(body.members?[index])
            let number = unsafe UInt32(truncatingIfNeeded: member.state.rawValue)
            guard let state = MemberStatus.State(rawValue: number) else {
                throw WireProtocolError(.malformed, "a status_report with the unknown state \(number)")
            }
            members.append(
                MemberStatus(
                    id: unsafe member.id, host: try unsafe text(member.host),
                    processID: unsafe member.process_id, threadCount: unsafe member.thread_count,
                    state: state, seconds: Double(bitPattern: unsafe member.seconds_bits),
                    leavesPerSecond: Double(bitPattern: unsafe member.leaves_per_second_bits),
                    remark: try unsafe text(member.remark),
                    fetchedByteCount: unsafe member.fetched_byte_count,
                    baseByteCount: unsafe member.base_byte_count))
        }
        return try unsafe StatusReport(
            phase: text(body.phase), step: body.step, totalSteps: body.total_steps,
            generation: body.generation, loss: Double(bitPattern: body.loss_bits),
            tokensPerSecond: Double(bitPattern: body.tokens_per_second_bits),
            stepSeconds: Double(bitPattern: body.step_seconds_bits), bytesSent: body.bytes_sent,
            bytesReceived: body.bytes_received, members: members)
    }
}
