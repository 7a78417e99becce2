import FoundationEssentials

/// Tar archives, as data sets come.
public enum Tar {
  /// Unpacks the regular files of a `.tar` or `.tar.gz` into `folder`. Names that leave the folder are errors; links
  /// and devices are left out. SeeAlso: torchvision.datasets.utils.extract_archive
  @discardableResult
  public static func extract(_ path: String, to folder: String) throws(FileError) -> [String] {
    var file = try FileBytes(mapping: path)
    if file.bytes.starts(with: [0x1F, 0x8B]) {
      let limit = min(file.count.multipliedReportingOverflow(by: Deflate.greatestRatio).partialValue, 1 << 34)
      file = FileBytes(try Deflate.inflate(file.bytes, kind: .gzip, limit: limit, path: path), path: path)
    }
    var written: [String] = []
    for entry in try entries(file) {
      let target = "\(folder)/\(entry.name)"
      let parent = target.deletingLastPathComponent
      do { try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true) } catch {
        throw FileError(path: parent, "the folder cannot be made")
      }
      let out = try AtomicFile(target)
      try out.write(UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]))
      try out.commit()
      written.append(entry.name)
    }
    withExtendedLifetime(file) {}
    return written
  }

  static func entries(_ file: FileBytes) throws(FileError) -> [(name: String, range: Range<Int>)] {
    var result: [(name: String, range: Range<Int>)] = []
    var at = 0
    var longName: String?
    func text(_ start: Int, _ count: Int) -> String {
      String(decoding: file.bytes[start..<(start + count)].prefix { $0 != 0 }, as: UTF8.self)
    }
    while at + 512 <= file.count, file.bytes[at] != 0 {
      let place = "byte \(at)"
      let digits = text(at + 124, 12).trimmed()
      guard let size = Int(digits.isEmpty ? "0" : digits, radix: 8), size >= 0, size <= file.count - at - 512 else {
        throw FileError(path: file.path, place: place, "a record's size is damaged")
      }
      let sum = Int(text(at + 148, 8).trimmed(), radix: 8)
      let counted = (0..<512).reduce(0) { $0 + (148..<156 ~= $1 ? 32 : Int(file.bytes[at + $1])) }
      guard sum == counted else { throw FileError(path: file.path, place: place, "it is no tar archive, or damaged") }
      let range = (at + 512)..<(at + 512 + size)
      let kind = file.bytes[at + 156]
      if kind == UInt8(ascii: "L") {
        longName = text(range.lowerBound, size)
      } else if kind == UInt8(ascii: "0") || kind == 0 {
        let prefix = text(at + 257, 5) == "ustar" ? text(at + 345, 155) : ""
        let name = longName ?? (prefix.isEmpty ? "" : prefix + "/") + text(at, 100)
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !name.isEmpty, !name.hasPrefix("/"), !parts.contains(".."), parts.last?.isEmpty == false else {
          throw FileError(path: file.path, place: place, "a name that leaves the folder: \(name)")
        }
        result.append((name, range))
        longName = nil
      } else {
        longName = nil
      }
      at += 512 + (size + 511) / 512 * 512
    }
    return result
  }
}
