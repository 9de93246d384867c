import Glibc

/// Key files in ZeroMQ's certificate format (RFC 4 ZPL, as CZMQ and pyzmq write them):
///
/// ```
/// metadata
///     name = "coordinator"
/// curve
///     public-key = "…"
///     secret-key = "…"
/// ```
extension CurveKeys {
    /// Longer files are no key files.
    private static let maximumFileByteCount = 16 << 10

    /// Writes the pair to `path`, readable by its owner alone, in one step: after a crash the file is whole or absent.
    ///
    /// - Throws: ``ZMQError`` naming the path; an existing file is replaced.
    public func write(to path: String) throws(ZMQError) {
        try KeyFile.write(
            "curve\n    public-key = \"\(publicKey)\"\n    secret-key = \"\(secretKey)\"\n", to: path,
            mode: 0o600)
    }

    /// Reads a pair.
    ///
    /// - Throws: ``ZMQError`` with code `.invalidKey` when group or others may read or write the file, when it
    ///   belongs to another user, or when it holds no matching pair.
    public init(contentsOf path: String) throws(ZMQError) {
        let text = try KeyFile.read(path, maximumByteCount: Self.maximumFileByteCount, isSecret: true)
        guard let publicText = KeyFile.value(of: "public-key", in: text),
            let secretText = KeyFile.value(of: "secret-key", in: text)
        else {
            throw ZMQError(
                .invalidKey, "\(path): holds no public-key and secret-key; make a pair with `shoal keys new`",
                subject: path)
        }
        do {
            try self.init(publicKey: CurvePublicKey(publicText), secretKey: secretText)
        } catch {
            throw ZMQError(.invalidKey, "\(path): \(error.message)", subject: path)
        }
    }
}

extension CurvePublicKey {
    /// Writes the public key alone, for handing to others.
    public func write(to path: String) throws(ZMQError) {
        try KeyFile.write("curve\n    public-key = \"\(text)\"\n", to: path, mode: 0o644)
    }

    /// Reads the public key of a certificate, whether or not the secret key stands beside it.
    ///
    /// - Throws: ``ZMQError`` with code `.invalidKey` when there is none.
    public init(contentsOf path: String) throws(ZMQError) {
        let file = try KeyFile.read(path, maximumByteCount: 16 << 10, isSecret: false)
        guard let value = KeyFile.value(of: "public-key", in: file) else {
            throw ZMQError(.invalidKey, "\(path): holds no public-key", subject: path)
        }
        do {
            try self.init(value)
        } catch {
            throw ZMQError(.invalidKey, "\(path): \(error.message)", subject: path)
        }
    }
}

/// Small files of text that must not be half written or seen by others.
private enum KeyFile {
    static func write(_ text: String, to path: String, mode: mode_t) throws(ZMQError) {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max)).tmp"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("creating the key file", temporary) }
        do throws(ZMQError) {
            defer { close(descriptor) }
            // The mode given to open() loses the bits of the umask only; this sets it whatever the umask.
            guard fchmod(descriptor, mode) == 0 else { throw failure("setting the mode of", temporary) }
            var remaining = Array(text.utf8)
            while !remaining.isEmpty {
                let written = unsafe Glibc.write(descriptor, remaining, remaining.count)
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw failure("writing the key file", temporary) }
                remaining.removeFirst(written)
            }
            guard fsync(descriptor) == 0 else { throw failure("flushing the key file", temporary) }
            guard unsafe rename(temporary, path) == 0 else { throw failure("renaming the key file to", path) }
        } catch {
            unsafe _ = unlink(temporary)
            throw error
        }
        let directory =
            path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let directoryDescriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directoryDescriptor >= 0 else {
            throw failure("opening the directory of the key file", directory)
        }
        defer { close(directoryDescriptor) }
        guard fsync(directoryDescriptor) == 0 else {
            throw failure("flushing the directory of the key file", directory)
        }
    }

    static func read(_ path: String, maximumByteCount: Int, isSecret: Bool) throws(ZMQError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening the key file", path) }
        defer { close(descriptor) }
        // Asked of the open file, so that it cannot be exchanged in between.
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("examining the key file", path) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= off_t(maximumByteCount) else {
            throw ZMQError(.invalidKey, "\(path): is no key file", subject: path)
        }
        if isSecret {
            let mode = status.st_mode & 0o777
            guard mode & 0o077 == 0 else {
                throw ZMQError(
                    .invalidKey,
                    "\(path): holds a secret key and has mode 0\(String(mode, radix: 8)), so others may read it; "
                        + "run `chmod 600 \(path)`, or make a new pair if others could have read it",
                    subject: path)
            }
            guard status.st_uid == geteuid() else {
                throw ZMQError(
                    .invalidKey,
                    "\(path): holds a secret key and belongs to user \(status.st_uid), not to you",
                    subject: path)
            }
        }
        var bytes = [UInt8](repeating: 0, count: maximumByteCount)
        var count = 0
        while count < bytes.count {
            let result = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(
                    descriptor, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw failure("reading the key file", path) }
            if result == 0 { break }
            count += result
        }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// The value of `name = "value"`, quoted or not.
    static func value(of name: String, in text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].trimmed == name else { continue }
            let value = parts[1].trimmed
            guard let quote = value.first, quote == "\"" || quote == "'" else { return value }
            guard value.count >= 2, value.last == quote else { return nil }
            return String(value.dropFirst().dropLast())
        }
        return nil
    }

    private static func failure(_ operation: String, _ path: String) -> ZMQError {
        .make(operation, subject: path, errorNumber: errno)
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
