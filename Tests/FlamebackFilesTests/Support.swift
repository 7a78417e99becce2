import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

/// A file that another program wrote (`Scripts/make_file_fixtures.py`).
func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}

func fixtureBytes(_ name: String) throws -> [UInt8] { try FileBytes(mapping: fixture(name)).array }

/// Runs `body` with a folder of its own, which is removed afterwards.
func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = NSTemporaryDirectory() + "flameback-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

extension RawTensor {
  func values<T: TensorElement>(_ type: T.Type) -> [T] {
    bytes.withUnsafeBytes { p in
      (0..<elementCount).map { p.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self) }
    }
  }

  init<T: TensorElement>(_ values: [T], _ shape: Shape) {
    let bytes = values.withUnsafeBytes { Array($0) }
    self.init(type: StoredType(T.dtype), shape: shape, storage: RawStorage(copying: bytes))
  }
}

/// A pickle in a PyTorch archive with correct checksums, so that only the pickle is at fault.
func archive(pickle: [UInt8], storages: [String: [UInt8]] = [:], in folder: String) throws -> String {
  let path = folder + "/hostile.pth"
  var zip = try ZipWriter(path, alignment: 64)
  try zip.add("hostile/data.pkl", pickle)
  for (key, bytes) in storages { try zip.add("hostile/data/\(key)", bytes) }
  try zip.add("hostile/version", Array("3\n".utf8))
  try zip.commit()
  return path
}
