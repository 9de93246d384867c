import CPCRE2

/// A compiled PCRE2 pattern over UTF-8.
///
/// The compiled pattern is read-only and shared between threads; each thread brings its own ``MatchMemory``
/// ("The compiled pattern is fixed. It does not change during matching" — pcre2api, Multithreading).
@safe final class RegularExpression: @unchecked Sendable {
    // Safety: the code is written only by init, before any other thread can see it.
    private let code: OpaquePointer

    /// Compiles `pattern`, which is PCRE2 syntax, or plain text when `isLiteral`.
    ///
    /// - Throws: ``TokenizerError`` with code `.unsupported` when PCRE2 refuses it.
    init(_ pattern: String, isLiteral: Bool = false) throws(TokenizerError) {
        var options = UInt32(PCRE2_UTF) | UInt32(PCRE2_NO_UTF_CHECK)
        if isLiteral { options |= UInt32(PCRE2_LITERAL) }
        var errorCode: Int32 = 0
        var errorOffset = 0
        let utf8 = Array(pattern.utf8)
        let compiled = unsafe utf8.withUnsafeBufferPointer { bytes in
            unsafe pcre2_compile_8(bytes.baseAddress, bytes.count, options, &errorCode, &errorOffset, nil)
        }
        guard let compiled = unsafe compiled else {
            throw TokenizerError(
                code: .unsupported,
                message:
                    "PCRE2 cannot compile a pattern of the tokenizer: \(Self.errorText(errorCode)) at byte "
                    + "\(errorOffset) of \(pattern.prefix(200))")
        }
        // Where the system forbids making code at run time this fails, and matching interprets the pattern.
        unsafe pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
        unsafe code = compiled
    }

    deinit { unsafe pcre2_code_free_8(code) }

    /// The first match at or after `start` within `range` of `bytes`, in offsets of `bytes`, or nil.
    ///
    /// The pattern sees nothing outside `range`: lookaheads at its end look at the end of the text.
    ///
    /// - Precondition: `bytes` is valid UTF-8 and `range` and `start` lie between characters.
    /// - Throws: ``TokenizerError`` with code `.patternFailed` when PCRE2's limits are exceeded.
    func firstMatch(
        in bytes: [UInt8], range: Range<Int>, from start: Int, memory: MatchMemory
    ) throws(TokenizerError) -> Range<Int>? {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count && range.lowerBound <= start)
        guard start <= range.upperBound else { return nil }
        let result = unsafe bytes.withUnsafeBufferPointer { buffer -> Int32 in
            guard let base = buffer.baseAddress else { return Int32(PCRE2_ERROR_NOMATCH) }
            return unsafe pcre2_match_8(
                code, base + range.lowerBound, range.count, start - range.lowerBound,
                UInt32(PCRE2_NO_UTF_CHECK), memory.matchData, memory.context)
        }
        if result >= 0, let offsets = unsafe pcre2_get_ovector_pointer_8(memory.matchData) {
            let lower = unsafe range.lowerBound + offsets[0]
            let upper = unsafe range.lowerBound + offsets[1]
            // \K is refused by the translator, so a match never ends before it begins.
            return lower..<max(lower, upper)
        }
        if result == Int32(PCRE2_ERROR_NOMATCH) { return nil }
        throw TokenizerError(
            code: .patternFailed,
            message: "the tokenizer's pattern failed at byte \(start) of \(bytes.count): "
                + "\(Self.errorText(result)); split the text, or choose a base with a simpler pattern")
    }

    private static func errorText(_ code: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let count = unsafe text.withUnsafeMutableBufferPointer { buffer in
            unsafe pcre2_get_error_message_8(code, buffer.baseAddress, buffer.count)
        }
        return count > 0 ? String(decoding: text.prefix(Int(count)), as: UTF8.self) : "error \(code)"
    }
}

/// What one thread needs to match: a place for the result, the machine stack of compiled patterns, and limits.
@safe final class MatchMemory {
    fileprivate let matchData: OpaquePointer
    fileprivate let context: OpaquePointer
    private let stack: OpaquePointer?

    /// Backtracking steps before a match is given up (PCRE2's own default is 10 million). Ordinary patterns need
    /// about one for each character of a run of white space.
    private static let matchLimit: UInt32 = 200_000_000
    /// Bytes of stack for compiled patterns, at the start and at most.
    private static let stackByteCounts = (first: 64 << 10, most: 16 << 20)

    /// - Throws: ``TokenizerError`` with code `.patternFailed` when there is no memory.
    init() throws(TokenizerError) {
        guard let matchData = unsafe pcre2_match_data_create_8(1, nil) else { throw Self.noMemory }
        guard let context = unsafe pcre2_match_context_create_8(nil) else {
            unsafe pcre2_match_data_free_8(matchData)
            throw Self.noMemory
        }
        let stack = unsafe pcre2_jit_stack_create_8(
            Self.stackByteCounts.first, Self.stackByteCounts.most, nil)
        unsafe pcre2_set_match_limit_8(context, Self.matchLimit)
        // Without a callback the last argument is the stack itself; nil means 32 KiB of the thread's own.
        unsafe pcre2_jit_stack_assign_8(context, nil, stack.map { unsafe UnsafeMutableRawPointer($0) })
        unsafe self.matchData = matchData
        unsafe self.context = context
        unsafe self.stack = stack
    }

    deinit {
        unsafe pcre2_match_data_free_8(matchData)
        unsafe pcre2_match_context_free_8(context)
        if let stack = unsafe stack { unsafe pcre2_jit_stack_free_8(stack) }
    }

    private static let noMemory = TokenizerError(
        code: .patternFailed, message: "no memory for matching the tokenizer's pattern; free some memory")
}
