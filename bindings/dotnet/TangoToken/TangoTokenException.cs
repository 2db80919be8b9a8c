using System;

namespace TangoToken
{
    /// <summary>Why a call failed, and what to do about it. Neither the message nor a property holds a secret.</summary>
    public sealed class TangoTokenException : Exception
    {
        private TangoTokenException(ErrorHandle error)
            : base(Utf8.Borrow(error, NativeMethods.tango_error_message))
        {
            Status = NativeMethods.tango_error_status(error);
            int httpStatus = NativeMethods.tango_error_http_status(error);
            HttpStatus = httpStatus == 0 ? (int?)null : httpStatus;
            OAuthError = Utf8.Borrow(error, NativeMethods.tango_error_oauth_error);
            OAuthErrorDescription = Utf8.Borrow(error, NativeMethods.tango_error_oauth_error_description);
            I18nKey = Utf8.Borrow(error, NativeMethods.tango_error_i18n_key);
            ServerMessage = Utf8.Borrow(error, NativeMethods.tango_error_server_message);
            RequestId = Utf8.Borrow(error, NativeMethods.tango_error_request_id);
            long seconds = NativeMethods.tango_error_retry_after_seconds(error);
            RetryAfter = seconds < 0 ? (TimeSpan?)null : TimeSpan.FromSeconds(seconds);
        }

        /// <summary>The cause. <see cref="Exception.Message"/> says in a sentence or two what happened and what to do.</summary>
        public TangoStatus Status { get; private set; }

        /// <summary>The HTTP status of the server's answer; <c>null</c> if none arrived.</summary>
        public int? HttpStatus { get; private set; }

        /// <summary>
        /// The OAuth code of RFC 6749 section 5.2, such as <c>invalid_grant</c>; <c>null</c> if the server gave none.
        /// </summary>
        public string OAuthError { get; private set; }

        /// <summary>
        /// The OAuth <c>error_description</c> of RFC 6749 section 5.2; <c>null</c> if the server gave none.
        /// </summary>
        public string OAuthErrorDescription { get; private set; }

        /// <summary>Tango's <c>i18nKey</c>, a stable name of the failure; <c>null</c> if the server gave none.</summary>
        public string I18nKey { get; private set; }

        /// <summary>
        /// The server's own words: Tango's <c>message</c>, or the text of its answer; <c>null</c> if it said nothing.
        /// </summary>
        public string ServerMessage { get; private set; }

        /// <summary>
        /// The id under which Tango's support finds the request (<c>X-REQUEST-ID</c>); <c>null</c> if the server gave none.
        /// </summary>
        public string RequestId { get; private set; }

        /// <summary>How long to wait before another call makes sense; <c>null</c> where waiting does not help.</summary>
        public TimeSpan? RetryAfter { get; private set; }

        /// <summary>Copies a native error and ends it.</summary>
        internal static TangoTokenException Take(IntPtr error)
        {
            using (var handle = new ErrorHandle(error))
                return new TangoTokenException(handle);
        }
    }
}
