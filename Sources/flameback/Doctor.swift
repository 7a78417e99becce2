import ArgumentParser
import Flameback
import FoundationEssentials

/// `flameback doctor`
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show what this machine offers.")

  func run() throws {
    say("threads  \(numThreads()) of \(ProcessInfo.processInfo.activeProcessorCount) cores")
    say("vectors  \(vectorTarget()), OpenBLAS for \(blasCore())")
    let memory = Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824
    say("memory   \(printed(memory, 1)) GiB")
    for device in [Device.cpu, .cuda()] {
      say("device   \(device): \(device.isAvailable ? "available" : "not found")")
    }
  }
}
