//! One open connection.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::connection::Redis;
use crate::error::RedisError;

/// A connection, which ends when it is dropped.
pub(crate) struct Connection {
    inner: MultiplexedConnection,
    address: String,
    timeout: Duration,
    driver: AbortHandle,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Connection {
    /// Connects and logs in.
    pub(crate) async fn open(redis: &Redis) -> Result<Self, RedisError> {
        redis.check()?;
        within(redis.timeout, redis.address(), Self::connect(redis)).await?
    }

    async fn connect(redis: &Redis) -> Result<Self, RedisError> {
        let address = redis.address().to_owned();
        let stream = TcpStream::connect(&address).await.and_then(|stream| {
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        let stream = stream
            .map_err(|error| RedisError::Unreachable { address: address.clone(), source: Box::new(error) })?;
        let stream: Box<dyn Stream> = if redis.url.tls {
            #[cfg(feature = "tls")]
            let stream = Box::new(crate::connection::tls::connect(redis, stream).await?);
            #[cfg(not(feature = "tls"))]
            return Err(RedisError::TlsFeatureOff);
            #[cfg(feature = "tls")]
            stream
        } else {
            Box::new(stream)
        };
        // The name would need a permission that Redis before 7.2 does not know.
        let login = redis.url.login.clone().set_skip_set_lib_name();
        let login = match &redis.password {
            Some(password) => login.set_password(password.as_str()),
            None => login,
        };
        // `within` has the limits, because a blocking read may take longer than others.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let opened = MultiplexedConnection::new_with_config(&login, stream, config).await;
        let (inner, driver) = opened.map_err(|error| RedisError::of(error, &address))?;
        let driver = tokio::spawn(driver).abort_handle();
        Ok(Self { inner, address, timeout: redis.timeout, driver })
    }

    /// Sends a command, and waits for its response.
    pub(crate) async fn command<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        self.blocking_command(command, Duration::ZERO).await
    }

    /// Sends a command that the server may respond to later by `block`.
    pub(crate) async fn blocking_command<T: FromRedisValue>(
        &mut self,
        command: &Cmd,
        block: Duration,
    ) -> Result<T, RedisError> {
        let response = command.query_async(&mut self.inner);
        let response = within(self.timeout + block, &self.address, response).await?;
        response.map_err(|error| RedisError::of(error, &self.address))
    }

    /// Sends a command while others wait for their responses. The caller has a limit.
    pub(crate) async fn concurrent_command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let response = command.query_async(&mut self.inner.clone()).await;
        response.map_err(|error| RedisError::of(error, &self.address))
    }

    /// Sends commands that the server executes together, and returns their responses.
    ///
    /// The library's own transactions are not used: its task panics if the server rejects `MULTI`
    /// (redis 1.8.1).
    pub(crate) async fn transaction<T: FromRedisValue>(
        &mut self,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<T, RedisError> {
        let mut all = redis::pipe();
        all.cmd("MULTI").ignore();
        for command in commands {
            all.add_command(command).ignore();
        }
        all.cmd("EXEC");
        let response = within(self.timeout, &self.address, all.query_async(&mut self.inner)).await?;
        response.map(|(responses,)| responses).map_err(|error| RedisError::of(error, &self.address))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn within<T>(limit: Duration, address: &str, future: impl Future<Output = T>) -> Result<T, RedisError> {
    let waited = timeout(limit, future).await;
    waited.map_err(|_| RedisError::Timeout { address: address.to_owned(), limit })
}
