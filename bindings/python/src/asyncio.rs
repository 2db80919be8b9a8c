//! The core's futures as asyncio awaitables: polled on the event loop's thread, woken from the callback thread.
//!
//! This needs no second runtime. Of the event loop it uses only `create_future` and `call_soon_threadsafe`, which
//! uvloop has as well. The network thread never waits for the GIL.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyCFunction;
use pyo3::{PyClass, PyClassInitializer};
use tango_token::Error;
use tango_token::callback_threads::{run, start};

use crate::attach::{attach, attached};
use crate::errors::OrRaise;

/// Returns an awaitable for the future. If the future is ready at once, the event loop is not involved.
pub fn awaitable<T, O>(
    py: Python<'_>,
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> PyResult<Bound<'_, PyAny>>
where
    T: 'static,
    O: From<T> + PyClass + Into<PyClassInitializer<O>> + Send + Sync,
{
    let mut future = Box::pin(async move { future.await.map(O::from) });
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Ok(Bound::new(py, Ready(Py::new(py, outcome.or_raise(py)?)?.into_any()))?.into_any()),
        Poll::Pending => Task::start(py, future),
    }
}

/// Awaitable of a result that is there already.
#[pyclass(frozen)]
struct Ready(Py<PyAny>);

#[pymethods]
impl Ready {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<()> {
        Err(PyStopIteration::new_err((self.0.clone_ref(py),)))
    }
}

type CoreFuture<O> = Pin<Box<dyn Future<Output = Result<O, Error>> + Send>>;

/// One future of the core, and the asyncio future that receives its result.
struct Task<O> {
    /// `None` once the asyncio future is done or cancelled.
    core_future: Mutex<Option<CoreFuture<O>>>,
    event_loop: Py<PyAny>,
    asyncio_future: Py<PyAny>,
}

impl<O: PyClass + Into<PyClassInitializer<O>> + Send + Sync + 'static> Task<O> {
    fn start(py: Python<'_>, core_future: CoreFuture<O>) -> PyResult<Bound<'_, PyAny>> {
        static GET_RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let _guard = attached(py);
        start().or_raise(py)?;
        let event_loop = GET_RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
        let asyncio_future = event_loop.call_method0("create_future")?;
        let task = Arc::new(Self {
            core_future: Mutex::new(Some(core_future)),
            event_loop: event_loop.unbind(),
            asyncio_future: asyncio_future.clone().unbind(),
        });
        let done = Arc::clone(&task);
        let release = PyCFunction::new_closure(py, None, None, move |_, _| done.release())?;
        asyncio_future.call_method1("add_done_callback", (release,))?;
        task.step(py)?;
        Ok(asyncio_future)
    }

    /// Polls once. Called on the event loop's thread only.
    fn step(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let _guard = attached(py);
        let asyncio_future = self.asyncio_future.bind(py);
        if asyncio_future.call_method0("done")?.is_truthy()? {
            return Ok(());
        }
        match self.poll() {
            Poll::Pending => {}
            Poll::Ready(Ok(value)) => {
                asyncio_future.call_method1("set_result", (Py::new(py, value)?,))?;
            }
            Poll::Ready(Err(error)) => {
                asyncio_future.call_method1("set_exception", (Err::<(), _>(error).or_raise(py).unwrap_err(),))?;
            }
        }
        Ok(())
    }

    fn poll(self: &Arc<Self>) -> Poll<Result<O, Error>> {
        let waker = Waker::from(Arc::clone(self));
        match &mut *self.core_future.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(core_future) => core_future.as_mut().poll(&mut Context::from_waker(&waker)),
            None => Poll::Pending,
        }
    }

    /// Drops the core's future, so that a cancelled task no longer waits for a token.
    fn release(&self) {
        let core_future = self.core_future.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(core_future);
    }

    fn schedule(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let task = Arc::clone(self);
        let step = PyCFunction::new_closure(py, None, None, move |arguments, _| task.step(arguments.py()))?;
        self.event_loop.call_method1(py, "call_soon_threadsafe", (step,))?;
        Ok(())
    }
}

impl<O: PyClass + Into<PyClassInitializer<O>> + Send + Sync + 'static> Wake for Task<O> {
    fn wake(self: Arc<Self>) {
        run(move || {
            attach(move |py| {
                // Moved here, because this can be the last reference: Python objects that are dropped while detached
                // stay until the library is called again.
                let task = self;
                match task.schedule(py) {
                    // The event loop was closed meanwhile, so no task is left to wake.
                    Err(error) if error.is_instance_of::<PyRuntimeError>(py) => {}
                    Err(error) => error.write_unraisable(py, None),
                    Ok(()) => {}
                }
            });
        });
    }
}
