import Flameback
import FlamebackFiles
import Foundation
import Testing

/// The command-line tool as a person uses it: the built program in a process of its own.
@Suite(.serialized) struct ToolTests {
  /// A fresh folder.
  private let folder: String = {
    let path = NSTemporaryDirectory() + "flameback-tool-\(UUID().uuidString)"
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }()

  private struct Outcome {
    var status: Int32
    var output: String
  }

  private func tool() throws -> URL {
    // The test program lies beside the products of the same build.
    var place = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    for bundle in CommandLine.arguments where bundle.hasSuffix(".xctest") {
      place = URL(fileURLWithPath: bundle).deletingLastPathComponent()
    }
    return try #require(
      [place, place.deletingLastPathComponent()].map { $0.appendingPathComponent("flameback") }.first {
        FileManager.default.isExecutableFile(atPath: $0.path)
      })
  }

  private func start(_ arguments: [String]) throws -> (process: Process, pipe: Pipe) {
    let process = Process()
    process.executableURL = try tool()
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    return (process, pipe)
  }

  @discardableResult
  private func run(_ arguments: String...) throws -> Outcome {
    let (process, pipe) = try start(arguments)
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
  }

  private func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")) }

  /// In the steady state a training step takes all its memory from the cache, and little of it.
  @Test func stepsAllocateLittle() throws {
    let lines = try run("bench", "--steps", "--threads", "1").output.split(separator: "\n")
    for (name, limit) in [("MLP", 24), ("ConvNet", 39), ("Transformer", 147)] {
      let line = try #require(lines.first { $0.hasPrefix(name) })
      let numbers = line.split(separator: ":")[1].split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
      #expect(numbers[1] <= limit && numbers[2] == 0, "\(line)")
    }
  }

  @Test func digitsAreLearnedSavedAndRecognised() throws {
    let training = try run("train", "digits", "--threads", "1")
    #expect(training.status == 0)
    let line = try #require(training.output.split(separator: "\n").first { $0.hasPrefix("Accuracy of the network") })
    let accuracy = try #require(Double(line.split(separator: " ").first { $0.contains(".") } ?? ""))
    #expect(accuracy >= 98)
    for name in ["model.pth", "learning-curve.svg", "confusion-matrix.svg"] {
      #expect(training.output.contains("runs/digits/\(name)"))
      #expect(FileManager.default.fileExists(atPath: "\(folder)/runs/digits/\(name)"))
    }
    let evaluation = try run("eval", "digits", "--model", "runs/digits/model.pth")
    #expect(evaluation.output.contains(line.prefix(while: { $0 != "(" }).trimmingCharacters(in: .whitespaces)))

    // The source's first images are a 0, a 1, a 2, …; each again as a person would scan it, dark on light and larger.
    let digits = try digitImages(4)
    var names: [String] = []
    for (i, pixels) in digits.enumerated() {
      try PNG.write(RawImage(width: 8, height: 8, channels: 1, pixels: pixels), to: "\(folder)/digit\(i).png")
      let large: [UInt8] = (0..<64 * 64).map { place in
        let (row, column) = (place / 512, place % 64 / 8)
        return 255 - pixels[row * 8 + column]
      }
      try PNG.write(RawImage(width: 64, height: 64, channels: 1, pixels: large), to: "\(folder)/large\(i).png")
      names += ["digit\(i).png", "large\(i).png"]
    }
    let prediction = try run(
      "predict", "digits", "--model", "runs/digits/model.pth", names[0], names[1], names[6], names[7])
    for (name, digit) in [(names[0], 0), (names[1], 0), (names[6], 3), (names[7], 3)] {
      #expect(prediction.output.contains("\(name): \(digit) "))
    }
  }

  private func digitImages(_ count: Int) throws -> [[UInt8]] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = root.appendingPathComponent("Sources/FlamebackVision/Resources/digits/digits.csv.gz").path
    let set = try DigitsCSV.read(FileBytes(mapping: path))
    return (0..<count).map { i -> [UInt8] in
      set.pixels[i * 64..<(i + 1) * 64].map { UInt8(Int($0) * 255 / 16) }
    }
  }

  @Test func aKilledRunGoesOnToTheSameWeights() throws {
    let options = ["--epochs", "4", "--threads", "1"]
    try run("train", "digits", "--out", "whole", options[0], options[1], options[2], options[3])
    let (process, _) = try start(["train", "digits", "--out", "killed"] + options)
    let checkpoint = "\(folder)/killed/checkpoint.pth"
    let deadline = Date().addingTimeInterval(60)
    while !FileManager.default.fileExists(atPath: checkpoint), Date() < deadline { usleep(2000) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let resumed = try run(
      "train", "digits", "--out", "killed", "--resume", options[0], options[1], options[2], options[3])
    #expect(resumed.output.contains("resumed after epoch"))
    #expect(try bytes("killed/model.pth") == bytes("whole/model.pth"))
  }

  @Test func workersChangeNothing() throws {
    try run("train", "digits", "--out", "none", "--epochs", "1", "--threads", "1")
    try run("train", "digits", "--out", "three", "--epochs", "1", "--threads", "1", "--workers", "3")
    #expect(try bytes("none/model.pth") == bytes("three/model.pth"))
  }

  @Test func mnistAndCifarFilesTrain() throws {
    func idx(_ shape: [Int], _ body: [UInt8]) -> [UInt8] {
      let header: [UInt8] = [0, 0, 8, UInt8(shape.count)]
      let sizes = shape.flatMap { size -> [UInt8] in [0, 0, UInt8(size >> 8), UInt8(size & 255)] }
      return header + sizes + body
    }
    func noise(_ count: Int) -> [UInt8] {
      (0..<count).map { i -> UInt8 in UInt8(truncatingIfNeeded: (i &* 2_654_435_761) >> 7) }
    }
    func write(_ name: String, _ content: [UInt8]) throws {
      try Data(content).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    for (stem, count) in [("train", 40), ("t10k", 20)] {
      try write("\(stem)-images-idx3-ubyte", idx([count, 28, 28], noise(count * 784)))
      try write("\(stem)-labels-idx1-ubyte", idx([count], (0..<count).map { UInt8($0 % 10) }))
    }
    let mnist = try run("train", "mnist", "--data", ".", "--epochs", "1", "--threads", "1")
    #expect(mnist.status == 0)
    #expect(mnist.output.contains("on the 20 test images"))

    func batch(_ count: Int) -> [UInt8] {
      (0..<count).flatMap { i -> [UInt8] in [UInt8(i % 10)] + noise(3072) }
    }
    for i in 1...5 { try write("data_batch_\(i).bin", batch(6)) }
    try write("test_batch.bin", batch(10))
    for model in ["small", "large"] {
      let cifar = try run(
        "train", "cifar10", "--data", ".", "--model", model, "--epochs", "1", "--out", model, "--threads", "1")
      #expect(cifar.status == 0)
      #expect(cifar.output.contains("30 training, 10 test images"))
    }
  }

  @Test(arguments: [
    (["train", "mnist", "--data", "nowhere"], "nowhere"),
    (["train", "digits", "--lr", "nan"], "--lr must be positive and finite"),
    (["train", "digits", "--epochs", "0"], "--epochs must be at least 1"),
    (["train", "digits", "--resume", "--out", "empty"], "empty/checkpoint.pth"),
    (["train", "digits", "--model", "huge"], "digits has no model 'huge'"),
    (["train", "digits", "--lr", "1e20", "--epochs", "2"], "not a number"),
    (["eval", "digits", "--model", "missing.pth"], "missing.pth"),
    (["predict", "digits", "--model", "missing.pth", "x.png"], "missing.pth"),
  ])
  func mistakesGetOneSentence(_ arguments: [String], _ expected: String) throws {
    let (process, pipe) = try start(arguments)
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus != 0 && process.terminationReason == .exit)
    #expect(output.contains(expected))
  }

  @Test func damagedFilesAreRefusedAndNothingIsLost() throws {
    try run("train", "digits", "--epochs", "1", "--threads", "1")
    let whole = try bytes("runs/digits/checkpoint.pth")
    for cut in [0, 10, whole.count / 2, whole.count - 1] {
      try whole.prefix(cut).write(to: URL(fileURLWithPath: "\(folder)/cut.pth"))
      let outcome = try run("eval", "digits", "--model", "cut.pth")
      #expect(outcome.status != 0)
      #expect(outcome.output.contains("cut.pth"))
    }
    let other = try run("train", "digits", "--epochs", "1", "--lr", "0.01", "--resume")
    #expect(other.status != 0 && other.output.contains("lr"))
    #expect(try bytes("runs/digits/checkpoint.pth") == whole)
  }

  /// A limit on the size of files stands for a disk that is full: writing fails in the middle of the file.
  @Test func aFullDiskLeavesTheOldFilesAndSaysWhichOneWasLost() throws {
    #expect(try run("train", "digits", "--epochs", "1", "--threads", "1").status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/runs/digits").sorted()
    let before = try names.map { try bytes("runs/digits/\($0)") }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" train digits --epochs 2 --threads 1", try tool().path,
    ]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus != 0)
    #expect(output.contains("runs/digits/"), "the message names the file: \(output)")
    #expect(output.contains("cannot write the file"), "\(output)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/runs/digits").sorted() == names)
    #expect(try names.map { try bytes("runs/digits/\($0)") } == before)
  }
}
