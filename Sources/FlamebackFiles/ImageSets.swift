import FlamebackKernels
import FoundationEssentials

/// Images of one size and their classes, as the classic data sets come.
public struct ImageSet: Sendable {
  public var channels: Int
  public var height: Int
  public var width: Int
  /// `count × channels × height × width` samples.
  public var pixels: [UInt8]
  public var labels: [UInt8]

  public var count: Int { labels.count }
  /// Samples of one image.
  public var imageSize: Int { channels * height * width }
}

/// The IDX files of MNIST and its relatives, also gzipped.
public enum IDX {
  /// The array in a file. SeeAlso: torchvision.datasets.mnist.read_sn3_pascalvincent_tensor
  public static func read(_ path: String) throws(FileError) -> RawTensor { try read(FileBytes(mapping: path)) }

  public static func read(_ file: FileBytes) throws(FileError) -> RawTensor {
    let path = file.path
    var source = file
    if file.bytes.starts(with: [0x1F, 0x8B]) {
      let limit = file.count.multipliedReportingOverflow(by: Deflate.greatestRatio).partialValue
      source = FileBytes(try Deflate.inflate(file.bytes, kind: .gzip, limit: limit, path: path), path: path)
    }
    let bytes = source.bytes
    let types: [UInt8: StoredType] = [
      0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
    ]
    guard bytes.count >= 4, bytes[0] == 0, bytes[1] == 0, let type = types[bytes[2]] else {
      throw FileError(path: path, place: "byte 0", "it is no IDX file")
    }
    let rank = Int(bytes[3])
    let start = 4 + 4 * rank
    guard bytes.count >= start else { throw FileError(path: path, place: "byte 4", "the sizes are cut off") }
    let shape = Shape((0..<rank).map { Int(source.load(UInt32.self, at: 4 + 4 * $0)!.byteSwapped) })
    guard let count = shape.checkedElementCount,
      case let (size, over) = count.multipliedReportingOverflow(by: type.byteSize),
      !over, size == bytes.count - start
    else {
      throw FileError(
        path: path, place: "byte 4", "\(type.rawValue) \(shape) does not have \(bytes.count - start) bytes")
    }
    let data = UnsafeRawBufferPointer(rebasing: bytes[start...])
    let storage =
      type.byteSize == 1
      ? RawStorage(data, owner: source) : RawStorage(Npy.byteSwapped(data, part: type.byteSize))
    return RawTensor(type: type, shape: shape, storage: storage)
  }

  /// MNIST's training or test part from the folder that has its four files, gzipped or not.
  ///
  /// SeeAlso: torchvision.datasets.MNIST
  public static func mnist(_ folder: String, train: Bool) throws(FileError) -> ImageSet {
    let stem = train ? "train" : "t10k"
    let images = try read(find(folder, "\(stem)-images-idx3-ubyte"))
    let labels = try read(find(folder, "\(stem)-labels-idx1-ubyte"))
    guard images.type == .uint8, images.shape.count == 3, labels.type == .uint8, labels.shape.count == 1,
      images.shape[0] == labels.shape[0]
    else {
      throw FileError(path: folder, "images \(images.shape) and labels \(labels.shape) do not belong together")
    }
    return ImageSet(
      channels: 1, height: images.shape[1], width: images.shape[2], pixels: images.bytes, labels: labels.bytes)
  }

  private static func find(_ folder: String, _ name: String) throws(FileError) -> String {
    for place in ["", "MNIST/raw/", "raw/"] {
      for ending in ["", ".gz"] {
        for spelling in [name, name.replacing("-idx", with: ".idx")] {
          let path = "\(folder)/\(place)\(spelling)\(ending)"
          if FileManager.default.fileExists(atPath: path) { return path }
        }
      }
    }
    throw FileError(path: folder, "there is no \(name) or \(name).gz in this folder")
  }
}

/// CIFAR-10 and CIFAR-100 in their binary and their Python version.
public enum CIFAR {
  public static let imageBytes = 3072

  /// The classes of CIFAR-10 in the order of their labels.
  public static let classes = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  /// CIFAR-10's training or test part from the folder of either version (or the one above it).
  ///
  /// SeeAlso: torchvision.datasets.CIFAR10
  public static func load(_ folder: String, train: Bool) throws(FileError) -> ImageSet {
    let stems = train ? (1...5).map { "data_batch_\($0)" } : ["test_batch"]
    for place in [folder, "\(folder)/cifar-10-batches-bin", "\(folder)/cifar-10-batches-py"] {
      for ending in [".bin", ""] {
        let paths = stems.map { "\(place)/\($0)\(ending)" }
        let present = paths.filter { FileManager.default.fileExists(atPath: $0) }
        if present.isEmpty { continue }
        if let missing = paths.first(where: { !present.contains($0) }) {
          throw FileError(path: missing, "this part of CIFAR-10 is missing")
        }
        var all = ImageSet(channels: 3, height: 32, width: 32, pixels: [], labels: [])
        for path in paths {
          let part =
            ending == ".bin" ? try readBinary(FileBytes(mapping: path)) : try readPython(FileBytes(mapping: path))
          all.pixels += part.pixels
          all.labels += part.labels
        }
        return all
      }
    }
    throw FileError(path: folder, "there is no CIFAR-10 in this folder: neither \(stems[0]).bin nor \(stems[0])")
  }

  /// Records of `labelBytes` labels (CIFAR-100 has a coarse and a fine one; the last counts) and 3072 samples.
  public static func readBinary(_ file: FileBytes, labelBytes: Int = 1, classes: Int = 10) throws(FileError) -> ImageSet
  {
    let record = labelBytes + imageBytes
    guard file.count % record == 0 else {
      throw FileError(path: file.path, "its \(file.count) bytes are no whole number of records of \(record)")
    }
    var set = ImageSet(channels: 3, height: 32, width: 32, pixels: [], labels: [])
    set.pixels.reserveCapacity(file.count)
    for start in stride(from: 0, to: file.count, by: record) {
      let label = file.bytes[start + labelBytes - 1]
      guard label < classes else {
        throw FileError(path: file.path, place: "byte \(start)", "label \(label) of \(classes) classes")
      }
      set.labels.append(label)
      set.pixels += file.bytes[(start + labelBytes)..<(start + record)]
    }
    return set
  }

  /// A pickled batch: `data` uint8 [N, 3072] and `labels` (or `fine_labels`), written by Python 2 or 3.
  public static func readPython(_ file: FileBytes, classes: Int = 10) throws(FileError) -> ImageSet {
    let batch = try Pickle.read(file)
    guard let data = batch["data"]?.tensor, data.type == .uint8, data.shape.count == 2, data.shape[1] == imageBytes
    else {
      throw FileError(path: file.path, "the batch has no data of uint8 [N, 3072]")
    }
    guard let items = (batch["labels"] ?? batch["fine_labels"])?.items, items.count == data.shape[0] else {
      throw FileError(path: file.path, "the batch does not have a label for each image")
    }
    var labels: [UInt8] = []
    for (i, item) in items.enumerated() {
      guard let label = item.int, label >= 0, label < classes else {
        throw FileError(path: file.path, place: "label \(i)", "it is none of \(classes) classes")
      }
      labels.append(UInt8(label))
    }
    return ImageSet(channels: 3, height: 32, width: 32, pixels: data.bytes, labels: labels)
  }
}

/// Plain pickles of numbers, containers and NumPy arrays.
public enum Pickle {
  /// What the pickle holds. No code runs; names outside the fixed table are errors. SeeAlso: pickle.load
  public static func read(_ file: FileBytes) throws(FileError) -> PickleValue {
    var machine = Unpickler(file.bytes, owner: file, path: file.path, place: "")
    let root = try machine.run()
    return try machine.result(root, storages: [:])
  }
}

/// The UCI handwritten digits: rows of 64 numbers 0 … 16 and a class.
public enum DigitsCSV {
  /// Reads the CSV that scikit-learn ships, gzipped or not. SeeAlso: sklearn.datasets.load_digits
  public static func read(_ file: FileBytes) throws(FileError) -> ImageSet {
    var bytes = Array(file.bytes)
    if bytes.starts(with: [0x1F, 0x8B]) {
      bytes = try Deflate.inflate(file.bytes, kind: .gzip, limit: 1 << 26, path: file.path)
    }
    var set = ImageSet(channels: 1, height: 8, width: 8, pixels: [], labels: [])
    var known = Numbers()
    for (i, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
      let fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      let numbers = fields.map { known.value(of: $0) }
      guard numbers.count == 65, numbers.allSatisfy({ $0 >= 0 && $0 <= 16 && $0 == $0.rounded() }), numbers[64] <= 9
      else {
        throw FileError(path: file.path, place: "line \(i + 1)", "not 64 numbers from 0 to 16 and a digit")
      }
      set.pixels += numbers[..<64].map { UInt8($0) }
      set.labels.append(UInt8(numbers[64]))
    }
    guard set.count > 0 else { throw FileError(path: file.path, "it has no images") }
    return set
  }

  /// scikit-learn writes floats, `5.000000000000000000e+00`: a hundred thousand fields of a few spellings.
  private struct Numbers {
    private var known: [(spelling: [UInt8], value: Double)] = []

    /// −1 if it is no number.
    mutating func value(of field: ArraySlice<UInt8>) -> Double {
      if let entry = known.first(where: { field.elementsEqual($0.spelling) }) { return entry.value }
      let text = String(decoding: field, as: UTF8.self).trimmed()
      let value = Double(text) ?? -1
      if known.count < 64 { known.append((Array(field), value)) }
      return value
    }
  }
}
