import AsyncHTTPClient
import Crypto
import DurableFiles
import Foundation
import Logging
import NIOCore
import NIOHTTP1

/// What the Hub says of a file before it is downloaded.
struct HubFileMetadata: Sendable {
    let name: String
    /// The blob's name: SHA-256 of a large file's content, or git's SHA-1 of a small one.
    let etag: String
    /// Length in bytes.
    let byteCount: Int
    /// The commit that the revision stands for.
    let commit: String
}

/// Downloads one file into the cache: resumed, checked, then named.
struct HubDownload {
    let session: HubSession
    let cache: HubCache

    private var configuration: HubConfiguration { session.configuration }

    /// Asks for a file's digest, length and commit.
    func metadata(of name: String, revision: String) async throws -> HubFileMetadata {
        let answer = try await session.attempts(at: name) {
            let answer = try await session.send(
                .HEAD, path: path(name, revision: revision), followsElsewhere: false)
            guard (200..<400).contains(answer.status.code) else { throw failure(answer, file: name) }
            return answer
        }
        let headers =
            answer.firstHeaders.contains(name: "x-repo-commit") ? answer.firstHeaders : answer.headers
        guard let commit = headers.first(name: "x-repo-commit"), HubReference.isCommit(commit) else {
            throw HubError(
                .protocolViolation, subject(name),
                "the endpoint \(configuration.endpoint) names no commit; is it a Hugging Face Hub?")
        }
        let etag = HubDownload.plain(
            headers.first(name: "x-linked-etag") ?? headers.first(name: "etag") ?? "")
        guard [40, 64].contains(etag.utf8.count), etag.utf8.allSatisfy(HubReference.isHexadecimalDigit) else {
            throw HubError(
                .protocolViolation, subject(name),
                "the endpoint \(configuration.endpoint) gives no digest to check the file by; use another endpoint"
            )
        }
        guard let text = headers.first(name: "x-linked-size") ?? headers.first(name: "content-length"),
            let byteCount = Int(text), byteCount >= 0
        else {
            throw HubError(
                .protocolViolation, subject(name), "the endpoint does not say how long the file is")
        }
        return HubFileMetadata(name: name, etag: etag, byteCount: byteCount, commit: commit)
    }

    /// Makes sure that the blob is in the cache and the snapshot links to it.
    func fetch(_ file: HubFileMetadata) async throws {
        let blob = cache.blobPath(file.etag)
        if !FileManager.default.fileExists(atPath: blob) {
            try AtomicDirectory.createDirectory(URL(fileURLWithPath: blob).deletingLastPathComponent().path)
            let lockPath = cache.lockPath(file.etag)
            try AtomicDirectory.createDirectory(
                URL(fileURLWithPath: lockPath).deletingLastPathComponent().path)
            let lock = try await lock(lockPath, file: file)
            defer { lock.release() }
            // Whoever had the lock may have fetched it.
            if !FileManager.default.fileExists(atPath: blob) { try await download(file, to: blob) }
        }
        try cache.link(file.name, commit: file.commit, etag: file.etag)
    }

    /// Waits for another process that downloads the same file, without blocking a thread.
    private func lock(_ path: String, file: HubFileMetadata) async throws -> FileLock {
        let deadline = ContinuousClock.now + .seconds(3600)
        var announced = false
        while true {
            do throws(DurableFileError) {
                return try FileLock(path: path)
            } catch {
                guard error.code == .locked, ContinuousClock.now < deadline else { throw error }
                if !announced {
                    announced = true
                    session.logger.notice("Waiting for another download", metadata: ["file": "\(file.name)"])
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private func download(_ file: HubFileMetadata, to blob: String) async throws {
        let incomplete = blob + ".incomplete"
        let folder = URL(fileURLWithPath: blob).deletingLastPathComponent().path
        let present = FileStatus(path: incomplete)?.byteCount ?? 0
        try FreeSpace.require(
            file.byteCount - min(present, file.byteCount), at: folder, for: subject(file.name))
        session.logger.notice(
            "Downloading", metadata: ["file": "\(subject(file.name))", "bytes": "\(file.byteCount)"])
        try await session.attempts(at: file.name) { try await receive(file, into: incomplete) }
        guard try HubDownload.matches(incomplete, file) else {
            try AtomicDirectory.remove(incomplete)
            throw HubError(
                .digestMismatch, subject(file.name),
                "the bytes received do not have the digest \(file.etag) that the Hub announced; they were removed:"
                    + " try again, or check the proxy or mirror in between")
        }
        try AtomicFile.publish(incomplete, as: blob)
    }

    /// Receives what is missing of the file behind what is there.
    private func receive(_ file: HubFileMetadata, into incomplete: String) async throws {
        var present = FileStatus(path: incomplete)?.byteCount ?? 0
        if present > file.byteCount { present = 0 }
        if present == file.byteCount && present > 0 { return }
        let answer = try await session.send(
            .GET, path: path(file.name, revision: file.commit), range: present > 0 ? present : nil)
        switch answer.status.code {
        case 206:
            guard let range = answer.headers.first(name: "content-range"),
                range.hasPrefix("bytes \(present)-")
            else {
                throw HubError(
                    .protocolViolation, subject(file.name), "the endpoint sends another part than asked for")
            }
        case 200: present = 0  // it sends everything
        default: throw failure(answer, file: file.name)
        }
        if !FileManager.default.fileExists(atPath: incomplete) {
            _ = FileManager.default.createFile(atPath: incomplete, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: incomplete))
        defer { try? handle.close() }
        try handle.truncate(atOffset: UInt64(present))
        try handle.seek(toOffset: UInt64(present))
        var count = present
        do {
            for try await piece in answer.body {
                count += piece.readableBytes
                guard count <= file.byteCount else {
                    throw HubError(
                        .protocolViolation, subject(file.name),
                        "the endpoint sends more than \(file.byteCount) bytes")
                }
                try handle.write(contentsOf: Data(piece.readableBytesView))
            }
        } catch let error as HubError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch let error as CocoaError {
            throw DurableFileError(
                code: error.code == .fileWriteOutOfSpace ? .noSpace : .io,
                message: "\(incomplete): cannot write: \(error.localizedDescription)", path: incomplete)
        } catch {
            throw HubError(
                .unavailable, subject(file.name), "the connection broke (\(error)); start again to resume")
        }
        guard count == file.byteCount else {
            throw HubError(
                .unavailable, subject(file.name),
                "the connection ended at byte \(count) of \(file.byteCount); start again to resume")
        }
    }

    private func path(_ name: String, revision: String) -> String {
        "/\(cache.reference.repository)/resolve/\(HubDownload.escape(revision))/\(HubDownload.escape(name))"
    }

    /// Escapes one component of a path, slashes included: revisions have them.
    static func escape(_ text: String) -> String {
        let allowed = CharacterSet(
            charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }

    private func subject(_ name: String) -> String { "\(cache.reference)/\(name)" }

    private func failure(_ answer: HubSession.Answer, file: String) -> HubError {
        HubDownload.failure(
            answer, subject: subject(file), hasToken: configuration.token != nil,
            endpoint: configuration.endpoint)
    }

    /// What an answer that is no success means.
    static func failure(
        _ answer: HubSession.Answer, subject: String, hasToken: Bool, endpoint: String
    ) -> HubError {
        let reason =
            answer.headers.first(name: "x-error-code") ?? answer.firstHeaders.first(name: "x-error-code")
        switch (answer.status.code, reason) {
        case (_, "GatedRepo"), (403, _):
            return HubError(
                .unauthorized, subject,
                "access is restricted; accept the terms on \(endpoint) and set HF_TOKEN to a token of that account"
            )
        case (401, _):
            return HubError(
                .unauthorized, subject,
                hasToken
                    ? "the token is not accepted, or there is no such repository; check HF_TOKEN and the name"
                    : "no such repository, or a private one; check the name, or set HF_TOKEN to a token that may read it"
            )
        case (404, "RevisionNotFound"):
            return HubError(.notFound, subject, "no such revision; check what follows the @")
        case (404, "EntryNotFound"):
            return HubError(.notFound, subject, "the repository has no such file")
        case (404, _):
            return HubError(.notFound, subject, "no such repository on \(endpoint); check the name")
        case (408, _), (429, _), (500..., _):
            return HubError(
                .unavailable, subject, "\(endpoint) answers \(answer.status); try again later")
        default:
            return HubError(.protocolViolation, subject, "\(endpoint) answers \(answer.status)")
        }
    }

    /// An etag without quotes and weakness.
    private static func plain(_ etag: String) -> String {
        var text = Substring(etag)
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        return text.trimmingCharacters(in: CharacterSet(charactersIn: "\"")).lowercased()
    }

    /// Whether a file has the digest its etag is: SHA-256, or SHA-1 of git's blob.
    private static func matches(_ path: String, _ file: HubFileMetadata) throws -> Bool {
        guard FileStatus(path: path)?.byteCount == file.byteCount else { return false }
        if file.etag.utf8.count == 64 { return try Digest.sha256(ofFile: path).hex == file.etag }
        var hasher = Insecure.SHA1()
        hasher.update(data: Data("blob \(file.byteCount)\0".utf8))
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? handle.close() }
        while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty { hasher.update(data: piece) }
        return hasher.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            == file.etag
    }
}
