// SPDX-License-Identifier: MIT
// ScalaLeaks.scala: two functions leak connections that their peer has closed, three and two of them, and one closes its four.
import java.net.{InetAddress, ServerSocket, Socket}
import scala.collection.mutable.ListBuffer

object ScalaLeaks {
  private val kept = ListBuffer[Socket]()
  private val server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress)

  private def connect(): Socket = {
    val s = new Socket(server.getInetAddress, server.getLocalPort)
    s.getInputStream.read()
    s
  }

  def guiltyA(): Unit =
    kept += connect()

  def guiltyB(): Unit =
    kept += connect()

  def innocent(): Unit =
    connect().close()

  def main(args: Array[String]): Unit = {
    val peer = new Thread(new Runnable {
      def run(): Unit = while (true) server.accept().close()
    })
    peer.setDaemon(true)
    peer.start()
    (1 to 3).foreach(_ => guiltyA())
    (1 to 2).foreach(_ => guiltyB())
    (1 to 4).foreach(_ => innocent())
  }
}
