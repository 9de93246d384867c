import CPCRE2

/// A regular expression with the meaning PEFT gives it (Python's `re` on module names), by PCRE2.
@safe final class RegularExpression: @unchecked Sendable {
    // Safety: pcre2api(3): "The compiled form of a regular expression is not altered during matching, so the same
    // compiled pattern can safely be used by several threads at the same time." Match data is made for each call.
    private let code: OpaquePointer
    /// Where it comes from and how it reads, for errors.
    private let origin: String
    private let pattern: String

    /// Which part of a text has to match.
    enum Extent {
        /// Python's `re.match`: from the first character on.
        case start
        /// Python's `re.fullmatch`: all of it.
        case whole
    }

    /// - Parameter origin: the key the pattern stands under.
    /// - Throws: ``AdapterError`` with code `.invalidConfiguration` that quotes PCRE2's explanation.
    init(_ pattern: String, extent: Extent, origin: String) throws(AdapterError) {
        self.pattern = pattern
        self.origin = origin
        var options =
            UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP) | UInt32(bitPattern: Int32(bitPattern: PCRE2_ANCHORED))
        if extent == .whole { options |= UInt32(PCRE2_ENDANCHORED) }
        var number: Int32 = 0
        var offset = 0
        let bytes = Array(pattern.utf8)
        let compiled = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe pcre2_compile_8(buffer.baseAddress, buffer.count, options, &number, &offset, nil)
        }
        guard let compiled = unsafe compiled else {
            throw AdapterError(
                code: .invalidConfiguration,
                message: "\(origin): '\(pattern)' is not a regular expression: \(Self.text(of: number))"
                    + " at character \(offset)",
                context: origin)
        }
        unsafe code = compiled
    }

    deinit { unsafe pcre2_code_free_8(code) }

    /// Whether `text` matches.
    ///
    /// - Throws: when matching takes more steps than PCRE2 allows.
    func matches(_ text: String) throws(AdapterError) -> Bool {
        try unsafe match(text) { _ in true } ?? false
    }

    /// What the group called `name` matched in `text`; nil when the text does not match.
    func capture(named name: String, in text: String) throws(AdapterError) -> String? {
        let bytes = Array(text.utf8)
        let range = try unsafe match(text) { data in
            let group = unsafe pcre2_substring_number_from_name_8(code, Array(name.utf8) + [0])
            guard group > 0, let offsets = unsafe pcre2_get_ovector_pointer_8(data) else { return 0..<0 }
            let start = unsafe offsets[2 * Int(group)]
            let end = unsafe offsets[2 * Int(group) + 1]
            // A group that took no part has no offsets.
            return start <= end && end <= bytes.count ? start..<end : 0..<0
        }
        return range.map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    private func match<Result>(_ text: String, _ body: (OpaquePointer) -> Result) throws(AdapterError)
        -> Result?
    {
        guard let data = unsafe pcre2_match_data_create_from_pattern_8(code, nil) else {
            throw AdapterError(
                code: .invalidConfiguration, message: "\(origin): no memory to match '\(pattern)'",
                context: origin)
        }
        defer { unsafe pcre2_match_data_free_8(data) }
        let bytes = Array(text.utf8)
        let count = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe pcre2_match_8(code, buffer.baseAddress, buffer.count, 0, 0, data, nil)
        }
        if count == PCRE2_ERROR_NOMATCH { return nil }
        guard count > 0 else {
            throw AdapterError(
                code: .invalidConfiguration,
                message: "\(origin): matching '\(pattern)' against '\(text)' failed: \(Self.text(of: count));"
                    + " write a simpler expression",
                context: origin)
        }
        return unsafe body(data)
    }

    private static func text(of number: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe buffer.withUnsafeMutableBufferPointer { bytes in
            unsafe pcre2_get_error_message_8(number, bytes.baseAddress, bytes.count)
        }
        return count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "error \(number)"
    }
}
