import ArgumentParser
import Flameback
import FlamebackFiles
import FlamebackVision
import FoundationEssentials

/// `flameback train digits`
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Train a network on a data set.")

  @Argument(help: "digits (comes with the package), mnist or cifar10.")
  var task: ImageTask
  @Option(help: "Folder of the data set's files (default: data/TASK).")
  var data: String?
  @Flag(help: "Fetch the data set's files first.")
  var download = false
  @Option(help: "The network: small, or large for cifar10.")
  var model: String?
  @Option(help: "How often to go through the training samples.")
  var epochs: Int?
  @Option(help: "Samples per step.")
  var batchSize: Int?
  @Option(help: "The greatest learning rate.")
  var lr: Double?
  @Option(help: "Seed of all random numbers.")
  var seed: UInt64 = 0
  @Option(help: "Threads that prepare batches.")
  var workers = 0
  @Option(help: "Threads that compute (default: all cores).")
  var threads: Int?
  @Option(help: "Where to write the model and the pictures (default: runs/TASK).")
  var out: String?
  @Flag(help: "Go on from the last finished epoch of an interrupted run.")
  var resume = false

  func validate() throws {
    if let epochs, epochs < 1 { throw ValidationError("--epochs must be at least 1, got \(epochs)") }
    if let batchSize, batchSize < 1 { throw ValidationError("--batch-size must be at least 1, got \(batchSize)") }
    if let lr, !(lr > 0 && lr.isFinite) { throw ValidationError("--lr must be positive and finite, got \(lr)") }
    if workers < 0 { throw ValidationError("--workers must not be negative, got \(workers)") }
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1, got \(threads)") }
  }

  func run() throws {
    if let threads { setNumThreads(threads) }
    let folder = out ?? "runs/\(task.rawValue)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch { throw FileError(path: folder, "the folder cannot be made") }
    let samples = try task.load(data, download: download)
    let epochs = epochs ?? task.settings.epochs
    let batchSize = batchSize ?? task.settings.batchSize
    let lr = lr ?? task.settings.lr
    let name = model ?? task.models[0]

    manualSeed(seed)
    let net = try task.makeModel(name)
    let optimizer = SGD(net.parameters(), lr: lr, momentum: 0.9, weightDecay: 5e-4)
    let scheduler = CosineAnnealingLR(optimizer, tMax: epochs)
    let settings: [(String, StateValue)] = [
      ("task", .string(task.rawValue)), ("model", .string(name)), ("epochs", .int(epochs)),
      ("batch_size", .int(batchSize)), ("lr", .double(lr)), ("seed", .int(Int(truncatingIfNeeded: seed))),
    ]
    let checkpointPath = "\(folder)/checkpoint.pth"
    var checkpoint = Checkpoint()
    if resume {
      checkpoint = try Checkpoint.load(
        checkpointPath, model: net, optimizer: optimizer, scheduler: scheduler, settings: settings)
      say("resumed after epoch \(checkpoint.epoch) of \(epochs)")
    }
    say(
      "training \(name) network (\(net.parameterCount) parameters) on \(task.rawValue): "
        + "\(samples.train.count) training, \(samples.test.count) test images")

    let loader = DataLoader(samples.train, batchSize: batchSize, shuffle: true, numWorkers: workers)
    let start = Date()
    while checkpoint.epoch < epochs {
      let (loss, accuracy) = epoch(checkpoint.epoch + 1, of: epochs, net, optimizer, loader, samples.train.count)
      guard loss.isFinite else {
        throw FileError(
          path: checkpointPath,
          "the loss is not a number after epoch \(checkpoint.epoch + 1): try a smaller --lr; the last checkpoint stays")
      }
      scheduler.step()
      let test = Evaluation(net, samples.test, classes: task.classes)
      checkpoint.history.trainLoss.append(loss)
      checkpoint.history.trainAccuracy.append(accuracy)
      checkpoint.history.testLoss.append(test.loss)
      checkpoint.history.testAccuracy.append(test.accuracy)
      checkpoint.epoch += 1
      try checkpoint.save(
        checkpointPath, model: net, optimizer: optimizer, scheduler: scheduler, settings: settings)
    }
    try finish(net, Evaluation(net, samples.test, classes: task.classes), checkpoint.history, folder, since: start)
  }

  /// One pass over the training samples; mean loss and accuracy.
  private func epoch(
    _ number: Int, of epochs: Int, _ net: any UnaryLayer, _ optimizer: Optimizer,
    _ loader: DataLoader<(Tensor, Tensor)>, _ count: Int
  ) -> (loss: Double, accuracy: Double) {
    net.train()
    let bar = ProgressBar(total: count, label: "epoch \(number)/\(epochs)", unit: "img")
    var (loss, correct, seen) = (0.0, 0, 0)
    for (images, labels) in loader {
      optimizer.zeroGrad()
      let output = net(images)
      let batchLoss = output.crossEntropy(labels)
      batchLoss.backward()
      optimizer.step()
      let n = labels.shape[0]
      loss += batchLoss.itemDouble() * Double(n)
      correct += (output.detached().argmax(dim: 1) .== labels).sum().itemInt()
      seen += n
      bar.advance(
        by: n,
        metrics: [
          ("loss", printed(loss / Double(seen), 4)),
          ("acc", "\(printed(100 * Double(correct) / Double(seen), 2)) %"),
        ])
    }
    bar.finish()
    return (loss / Double(max(seen, 1)), Double(correct) / Double(max(seen, 1)))
  }

  private func finish(
    _ net: any UnaryLayer, _ test: Evaluation, _ history: Checkpoint.History, _ folder: String, since start: Date
  ) throws {
    try net.stateDict().save("\(folder)/model.pth")
    let loss = LineChart(
      title: "Loss", xLabel: "epoch", yLabel: "cross entropy",
      series: [.init("training", history.trainLoss), .init("test", history.testLoss)], yScale: .log)
    let accuracy = LineChart(
      title: "Accuracy", xLabel: "epoch", yLabel: "% correct",
      series: [
        .init("training", history.trainAccuracy.map { 100 * $0 }), .init("test", history.testAccuracy.map { 100 * $0 }),
      ])
    try Figure([loss, accuracy]).save("\(folder)/learning-curve.svg")
    try test.confusion.save("\(folder)/confusion-matrix.svg")
    say("\(test.summary)  (\(printed(Date().timeIntervalSince(start), 1)) s)")
    say("model             \(folder)/model.pth")
    say("learning curve    \(folder)/learning-curve.svg")
    say("confusion matrix  \(folder)/confusion-matrix.svg")
  }
}
