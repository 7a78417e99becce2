import Flameback
import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

/// Unsigned integers, floats of 8 bits and complex halves in every format that has them.
@Suite struct SeldomDTypeFileTests {
  /// What PyTorch's file holds, in the names that it has there.
  private static let tensors: [(name: String, tensor: Tensor)] = [
    ("u2", Tensor([1, 65535] as [UInt16], shape: [2])), ("u4", Tensor([1, .max] as [UInt32], shape: [2])),
    ("u8", Tensor([1, .max] as [UInt64], shape: [2])),
    ("e4", Tensor([Float8E4M3FN(1.5), Float8E4M3FN(-448)], shape: [2])),
    ("e5", Tensor([Float8E5M2(1.5), Float8E5M2(-57344)], shape: [2])),
    ("c4", Tensor([Complex<Float16>(1.5, 2), Complex<Float16>(-0.0, -3)], shape: [2])),
  ]

  private func expectSame(_ found: Tensor?, _ wanted: Tensor, _ name: String) {
    #expect(found?.dtype == wanted.dtype && found?.shape == wanted.shape, "\(name)")
    #expect(found?.withHostBytes { Array($0) } == wanted.withHostBytes { Array($0) }, "\(name)")
  }

  @Test func filesOfPyTorch() throws {
    let read = try StateDict(contentsOf: fixture("seldom-dtypes.pth"))
    for (name, tensor) in Self.tensors { expectSame(read[name], tensor, name) }
  }

  @Test(arguments: ["pth", "safetensors", "npz"]) func roundTrips(_ format: String) throws {
    let missing: [String: [DType]] = [
      "pth": [], "safetensors": [.complex32], "npz": [.complex32, .float8E4M3FN, .float8E5M2],
    ]
    try withFolder { folder in
      let path = "\(folder)/state.\(format)"
      var state = StateDict()
      for (name, tensor) in Self.tensors where !missing[format]!.contains(tensor.dtype) { state[name] = tensor }
      try state.save(path)
      let read = try StateDict(contentsOf: path)
      for (name, tensor) in state { expectSame(read[name], tensor, "\(name) in \(format)") }
      for (name, tensor) in Self.tensors where missing[format]!.contains(tensor.dtype) {
        var alone = StateDict()
        alone[name] = tensor
        #expect(throws: FileError.self) { try alone.save(path) }
      }
    }
  }

  @Test func arraysOfNumPy() throws {
    try withFolder { folder in
      for (name, tensor) in Self.tensors.prefix(3) {
        try tensor.save(npy: "\(folder)/\(name).npy")
        expectSame(try Tensor(npy: "\(folder)/\(name).npy"), tensor, name)
        let header = try String(
          decoding: Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name).npy")), as: UTF8.self)
        #expect(header.contains("'<\(name)'"))
      }
    }
  }
}
