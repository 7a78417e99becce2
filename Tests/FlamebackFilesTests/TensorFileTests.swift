import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

@Suite struct SafetensorsTests {
  @Test func readsTheReferenceImplementation() throws {
    let file = try Safetensors(fixture("two.safetensors"))
    #expect(file.names.sorted() == ["a", "b"])
    #expect(file.metadata == ["format": "pt", "note": "x"])
    #expect(file["a"]?.values(Int64.self) == [0, 1, 2, 3, 4, 5] && file["a"]?.shape == [2, 3])
    #expect(file["b"]?.values(BFloat16.self).map(\.float) == [1.5, -2])
    #expect(file["c"] == nil)
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    try withFolder { folder in
      let path = folder + "/x.safetensors"
      let base = RawTensor([1, 2, 3, 4, 5, 6] as [Float], [2, 3])
      var transposed = base
      transposed.shape = [3, 2]
      transposed.strides = [1, 3]
      let empty = RawTensor([] as [Int64], [0, 4])
      try Safetensors.write([("t", transposed), ("s", RawTensor([true], [])), ("e", empty)], to: path)
      let file = try Safetensors(path)
      #expect(file["t"]?.values(Float.self) == [1, 4, 2, 5, 3, 6])
      #expect(file["s"]?.shape == [] && file["e"]?.shape == [0, 4])
      #expect(throws: FileError.self) { try Safetensors.write([("a", base), ("a", base)], to: path) }
      #expect(try Safetensors(path).names.count == 3)
    }
  }

  @Test(
    arguments: [
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8, nil),
      (#"{}"#, 0, nil),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9, "follow the tensors"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12, "belong to no tensor"),
      (
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
        6,
        "overlaps"
      ),
      (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "does not have"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}"#, 8, "outside the data"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "outside the data"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, 8, "outside the data"),
      (#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#, 8, "unknown dtype"),
      (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, "size"),
      (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#, 8, "does not have"),
      (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, 8, "size"),
      (#"{"a":{"dtype":"F32","shape":[2]}}"#, 8, "missing"),
      (#"{"__metadata__":{"x":1}}"#, 0, "not a string"),
      (#"[1]"#, 0, "no JSON object"),
      (#"{"a":"#, 0, "too early"),
    ] as [(String, Int, String?)])
  func headers(_ json: String, _ size: Int, _ complaint: String?) throws {
    var bytes = withUnsafeBytes(of: UInt64(json.utf8.count).littleEndian) { Array($0) }
    bytes += Array(json.utf8) + [UInt8](repeating: 0, count: size)
    if let complaint {
      let error = #expect(throws: FileError.self) { try Safetensors(FileBytes(bytes)) }
      #expect(error?.message.contains(complaint) == true, "\(String(describing: error))")
    } else {
      _ = try Safetensors(FileBytes(bytes))
    }
  }

  @Test func aHeaderBeyondTheFileIsRefused() {
    for size in [UInt64.max, 1 << 40, 200_000_000, 9] {
      let bytes = withUnsafeBytes(of: size.littleEndian) { Array($0) } + [0x7B, 0x7D]
      #expect(throws: FileError.self) { try Safetensors(FileBytes(bytes)) }
    }
  }
}

@Suite struct NpyTests {
  @Test func readsNumPy() throws {
    #expect(try Npy.read(fixture("float32.npy")).values(Float.self) == [0, 1, 2, 3, 4, 5])
    let fortran = try Npy.read(fixture("fortran-big-endian.npy"))
    #expect(fortran.shape == [2, 3] && fortran.strides == [1, 2])
    #expect(fortran.values(Int32.self) == [0, 1, 2, 3, 4, 5])
    let error = #expect(throws: FileError.self) { try Npy.read(fixture("objects.npy")) }
    #expect(error?.message.contains("Python objects") == true)
    for name in ["two.npz", "two-compressed.npz"] {
      let arrays = try Npy.readArchive(fixture(name))
      #expect(arrays.map(\.name) == ["a", "b"])
      #expect(arrays[1].tensor.values(Float16.self) == [1, 1, 1, 1])
    }
    #expect(
      try Npy.readArchive(fixture("two-compressed.npz"))[0].tensor.values(Int64.self) == (0..<500).map { $0 / 100 })
  }

  @Test(arguments: [false, true])
  func whatIsWrittenIsReadAgain(_ compressed: Bool) throws {
    try withFolder { folder in
      let tensor = RawTensor([1.5, -2, 3] as [Double], [3, 1])
      try Npy.write(tensor, to: folder + "/x.npy")
      #expect(try Npy.read(folder + "/x.npy").values(Double.self) == [1.5, -2, 3])
      try Npy.writeArchive(
        [("w", tensor), ("s", RawTensor([7] as [Int32], []))], compressed: compressed, to: folder + "/x.npz")
      let arrays = try Npy.readArchive(folder + "/x.npz")
      #expect(arrays[0].tensor.shape == [3, 1] && arrays[1].tensor.values(Int32.self) == [7])
      #expect(throws: FileError.self) { try Npy.write(RawTensor([BFloat16(1)], [1]), to: folder + "/b.npy") }
    }
  }

  @Test(arguments: [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }",
    "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,), }",
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f4', 'fortran_order': maybe, 'shape': (1,), }",
    "{'descr': '<f4', 'shape': (1,), }",
  ])
  func headersThatAreRefused(_ header: String) {
    let bytes: [UInt8] =
      [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + [0, 0, 0, 0]
    #expect(throws: FileError.self) { try Npy.read(FileBytes(bytes)) }
  }
}

@Suite struct ZipTests {
  @Test func bombsAndOverlapsAreRefused() throws {
    try withFolder { folder in
      let path = folder + "/x.zip"
      var writer = try ZipWriter(path)
      try writer.add("zeros", [UInt8](repeating: 0, count: 100_000), deflated: true)
      try writer.add("two", [1, 2, 3])
      try writer.commit()
      let bytes = (try FileBytes(mapping: path).array)
      let zip = try ZipArchive(FileBytes(bytes))
      #expect(try zip.read(zip["zeros"]!).bytes.count == 100_000)
      #expect(throws: FileError.self) { try zip.read(zip["zeros"]!, limit: 99_999) }
      let directory = bytes.count - 22 - (46 + 5) - (46 + 3)
      func changed(_ change: (inout [UInt8]) -> Void) -> FileBytes {
        var copy = bytes
        change(&copy)
        return FileBytes(copy)
      }
      // The size of `zeros` says 4 GB, then one byte more and one less than there is.
      for size in [0xFFFF_FFFE, 100_001, 99_999] as [UInt32] {
        let lie = changed { b in
          for i in 0..<4 { b[directory + 24 + i] = UInt8(truncatingIfNeeded: size >> (8 * UInt32(i))) }
        }
        #expect(throws: FileError.self) {
          try {
            let z = try ZipArchive(lie); _ = try z.read(z["zeros"]!)
          }()
        }
      }
      // Both records begin at the same place.
      let second = directory + 46 + 5
      #expect(throws: FileError.self) { try ZipArchive(changed { b in for i in 0..<4 { b[second + 42 + i] = 0 } }) }
      // The same name twice.
      #expect(throws: FileError.self) {
        try withFolder { folder in
          var writer = try ZipWriter(folder + "/d.zip")
          try writer.add("a", [1])
          try writer.add("a", [2])
          try writer.commit()
          _ = try ZipArchive(folder + "/d.zip")
        }
      }
    }
  }
}

@Suite struct JSONTests {
  @Test func valuesKeepBitsAndOrder() throws {
    let text =
      #"{"b":[1,-2,9223372036854775807,-9223372036854775808,18446744073709551615,1e3,0.1,-0.0],"a":"\u00e9\n\ud83d\ude00\"","n":null,"t":true}"#
    let json = try JSON(parsing: text)
    #expect(json.object?.keys == ["b", "a", "n", "t"])
    #expect(json["b"]?[2] == .int(.max) && json["b"]?[3] == .int(.min) && json["b"]?[4] == .unsigned(.max))
    #expect(json["b"]?[5] == .double(1000) && json["b"]?[6] == .double(0.1))
    #expect(json["b"]?[7]?.double?.sign == .minus)
    #expect(json["a"]?.string == "é\n😀\"")
    #expect(try JSON(parsing: json.description) == json)
    #expect(try JSON(parsing: json.text(indent: 2)) == json)
  }

  @Test func doublesAreTheNearest() throws {
    for text in [
      "1.7976931348623157e308", "5e-324", "0.30000000000000004", "123456789012345678901234567890", "9007199254740993",
      "1e22", "1e23", "2.2250738585072011e-308",
    ] {
      #expect(try JSON(parsing: text).double == Double(text), "\(text)")
    }
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "tru", "nan", "01", "1.", "1e", "\"abc", "\"\\x\"", "\"\\ud800\"",
    "[1] 2", "'a'",
    "{a:1}", "1e999", "\"\u{1}\"", "-", "[1 2]",
  ])
  func damage(_ text: String) {
    let error = #expect(throws: FileError.self) { try JSON(parsing: text) }
    #expect(error?.place.hasPrefix("byte ") == true)
  }

  @Test func nestingIsBounded() throws {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: FileError.self) { try JSON(parsing: deep) }
    _ = try JSON(parsing: String(repeating: "[", count: 256) + String(repeating: "]", count: 256))
    #expect(throws: FileError.self) { try JSON(parsing: UnsafeRawBufferPointer(start: nil, count: 0)) }
  }
}
