import Foundation
import Glibc
import Tensors
import Testing

@Suite struct MappedFileTests {
    /// A file of `count` Float32 values 0, 1, 2 …, removed by the caller.
    private func makeFile(count: Int) throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/shoal-mapped-" + UUID().uuidString
        let bytes = (0..<count).flatMap { index in
            let bits = Float(index).bitPattern
            return [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: bits >> $0) }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    private func shorten(_ path: String, to byteCount: Int) -> Int32 { unsafe truncate(path, byteCount) }

    private func sum(_ storage: FloatStorage) -> Float {
        Vector(storage, offset: 0, count: storage.count).toArray().reduce(0, +)
    }

    @Test func showsTheBytesAndFloatsOfTheFile() throws {
        let path = try makeFile(count: 1000)
        defer { remove(path) }
        let file = try MappedFile(path: path)
        #expect(file.byteCount == 4000)
        let floats = try file.floats(at: 40, count: 3)
        #expect(Vector(floats, offset: 0, count: 3).toArray() == [10, 11, 12])
        #expect(!floats.isWritable)
        let last = file.withBytes(3996..<4000) { unsafe $0.unsafeLoad(fromByteOffset: 0, as: Float.self) }
        #expect(last == 999)
        try file.checkIntact()
    }

    @Test func viewsOutliveTheFileObjectAndItsName() throws {
        let path = try makeFile(count: 10)
        let floats = try MappedFile(path: path).floats(at: 0, count: 10)
        remove(path)
        #expect(sum(floats) == 45)
    }

    @Test(arguments: [(-4, 1), (2, 1), (0, 11), (40, 1), (44, 0), (0, -1), (4, Int.max), (Int.max - 3, 1)])
    func viewsThatLeaveTheFileAreRefused(offset: Int, count: Int) throws {
        let path = try makeFile(count: 10)
        defer { remove(path) }
        let file = try MappedFile(path: path)
        let error = #expect(throws: MappedFileError.self) { try file.floats(at: offset, count: count) }
        #expect(error?.code == .outOfBounds)
    }

    @Test func aTruncatedFileReadsAsZerosAndIsAnErrorAfterwards() throws {
        let count = 1 << 20
        let path = try makeFile(count: count)
        defer { remove(path) }
        let file = try MappedFile(path: path)
        let floats = try file.floats(at: 0, count: count)
        let values = Vector(floats, offset: 0, count: count)
        try file.checkIntact()
        #expect(shorten(path, to: 8192) == 0)
        // Without the handler this line is the end of the process.
        #expect(values[count - 1] == 0)
        #expect(values[2047] == 2047)
        let error = #expect(throws: MappedFileError.self) { try file.checkIntact() }
        #expect(error?.code == .changed)
        #expect(error?.message.contains("from \(count * 4) to 8192 bytes") == true)
        // The length coming back does not bring the content back.
        #expect(shorten(path, to: count * 4) == 0)
        #expect(throws: MappedFileError.self) { try file.checkIntact() }
    }

    @Test func aTruncationIsNoticedBeforeAnyMissingPageIsRead() throws {
        let path = try makeFile(count: 100_000)
        defer { remove(path) }
        let file = try MappedFile(path: path)
        #expect(shorten(path, to: 399_999) == 0)
        let error = #expect(throws: MappedFileError.self) { try file.checkIntact() }
        #expect(error?.code == .changed)
    }

    @Test func aFileWrittenInPlaceIsAnError() throws {
        let path = try makeFile(count: 100)
        defer { remove(path) }
        let file = try MappedFile(path: path)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        // One nanosecond-stamped write later than the mapping, whatever the clock's grain is.
        usleep(20_000)
        try handle.write(contentsOf: Data([1, 2, 3, 4]))
        try handle.close()
        let error = #expect(throws: MappedFileError.self) { try file.checkIntact() }
        #expect(error?.code == .changed)
    }

    @Test func manyThreadsMayRunIntoTheSameTruncation() async throws {
        let count = 1 << 20
        let path = try makeFile(count: count)
        defer { remove(path) }
        let file = try MappedFile(path: path)
        let values = Vector(try file.floats(at: 0, count: count), offset: 0, count: count)
        #expect(shorten(path, to: 0) == 0)
        let sums = await withTaskGroup(of: Float.self) { group in
            for part in 0..<4 {
                group.addTask { stride(from: part, to: count, by: 64).reduce(0) { $0 + values[$1] } }
            }
            return await group.reduce(into: [Float]()) { $0.append($1) }
        }
        #expect(sums == [0, 0, 0, 0])
        #expect(throws: MappedFileError.self) { try file.checkIntact() }
    }

    @Test func aBusErrorElsewhereStillEndsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let path = FileManager.default.temporaryDirectory.path + "/shoal-bus-" + UUID().uuidString
            try Data(count: 8192).write(to: URL(fileURLWithPath: path))
            // The handler is installed, but the range that faults is not registered.
            let guarded = try MappedFile(path: path)
            let descriptor = unsafe open(path, O_RDONLY)
            let memory = unsafe mmap(nil, 8192, PROT_READ, MAP_SHARED, descriptor, 0)
            unsafe truncate(path, 0)
            unsafe unlink(path)
            let byte = unsafe memory?.load(fromByteOffset: 4096, as: UInt8.self)
            print("still alive", byte ?? 0, guarded.byteCount)
            exit(0)
        }
    }

    @Test func aMissingFileADirectoryAndAnEmptyFileAreToldApart() throws {
        let directory = FileManager.default.temporaryDirectory.path
        let missing = #expect(throws: MappedFileError.self) {
            try MappedFile(path: directory + "/shoal-none")
        }
        #expect(missing?.code == .notFound)
        let folder = #expect(throws: MappedFileError.self) { try MappedFile(path: directory) }
        #expect(folder?.code == .unreadable)
        let path = try makeFile(count: 0)
        defer { remove(path) }
        let file = try MappedFile(path: path)
        #expect(file.byteCount == 0)
        #expect(try file.floats(at: 0, count: 0).count == 0)
        try file.checkIntact()
    }
}
