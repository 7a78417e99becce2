import CImageFormats
import Dispatch
import Synchronization

/// When a file's checksums are compared. PyTorch does not look at them.
public enum Verification: Sendable {
  case never
  /// By `RawStorage.verify`, which turning a storage into tensors calls.
  case whenRead
  /// While the file is loaded, on all cores.
  case now
}

/// The checksum that a file has for a stretch of its bytes, compared at most once.
final class StorageChecksum: @unchecked Sendable {
  // Unchecked: the bytes are not written while `owner` lives.
  let expected: UInt32
  private let bytes: UnsafeRawBufferPointer
  private let owner: AnyObject
  private let path: String
  private let place: String
  private let isVerified = Atomic(false)

  init(_ expected: UInt32, of bytes: UnsafeRawBufferPointer, owner: AnyObject, path: String, place: String) {
    self.expected = expected
    self.bytes = bytes
    self.owner = owner
    self.path = path
    self.place = place
  }

  /// Pieces are large enough that starting one costs nothing, small enough that cores finish together.
  private static let pieceSize = 4 << 20

  /// Compares those that are not yet compared, in pieces on all cores, so that one large storage is no bottleneck.
  static func verify(_ checksums: [StorageChecksum]) throws(FileError) {
    var seen: Set<ObjectIdentifier> = []
    let pending = checksums.filter {
      !$0.isVerified.load(ordering: .acquiring) && seen.insert(ObjectIdentifier($0)).inserted
    }
    var pieces: [(checksum: Int, range: Range<Int>)] = []
    for (i, checksum) in pending.enumerated() {
      for start in stride(from: 0, to: max(checksum.bytes.count, 1), by: pieceSize) {
        pieces.append((i, start..<min(start + pieceSize, checksum.bytes.count)))
      }
    }
    let sums = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: pieces.count)
    defer { sums.deallocate() }
    // Each iteration writes one element of its own.
    nonisolated(unsafe) let out = sums
    let work = pieces
    @Sendable func sum(_ i: Int) {
      out[i] = Deflate.crc32(UnsafeRawBufferPointer(rebasing: pending[work[i].checksum].bytes[work[i].range]))
    }
    if work.count == 1 { sum(0) } else { DispatchQueue.concurrentPerform(iterations: work.count) { sum($0) } }
    var totals = [UInt32](repeating: 0, count: pending.count)
    for (i, piece) in pieces.enumerated() {
      let total = totals[piece.checksum]
      totals[piece.checksum] =
        piece.range.lowerBound == 0 ? sums[i] : fb_crc32_combine(total, sums[i], piece.range.count)
    }
    for (checksum, total) in zip(pending, totals) {
      guard total == checksum.expected else {
        throw FileError(path: checksum.path, place: checksum.place, "it is damaged: its checksum is wrong")
      }
      checksum.isVerified.store(true, ordering: .releasing)
    }
  }
}
